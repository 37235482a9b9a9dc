// Random graphs over a few actors: what is executed, compiled or not, is what the same sums give here.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { GraphNode, InputNode } from "../../../../runtime/core/index.ts";
import { checkAsyncProperty } from "../../../support/properties.ts";
import { start } from "./support.ts";

interface StepOf {
  /** Which actor. */
  readonly actor: number;
  /** Which values it takes: 0 is the input, then the steps before it. */
  readonly takes: readonly number[];
  readonly constant: number;
}

const ACTORS = 3;

const steps = fc.array(
  fc.record({
    actor: fc.nat(ACTORS - 1),
    takes: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
    constant: fc.nat(9),
  }),
  { minLength: 1, maxLength: 8 },
);

/** All values of a graph: the input, then each step's. */
function valuesOf<T>(
  shape: readonly StepOf[],
  input: T,
  make: (step: StepOf, taken: readonly T[]) => T,
): T[] {
  const values = [input];
  for (const step of shape) {
    const taken = step.takes.map((number) => values[number % values.length] ?? input);
    values.push(make(step, taken));
  }
  return values;
}

test("executed and compiled, a graph gives what its steps say, for each input in order", async (context) => {
  await using started = await start();
  const { runtime, actors } = started;
  const adders = await Promise.all(Array.from({ length: ACTORS }, (_, index) => actors.Adder.create(index)));
  const property = fc.asyncProperty(
    steps,
    fc.array(fc.nat(100), { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 1, max: 3 }),
    async (shape, inputs, maxInFlight) => {
      const graph = runtime.graph((input: InputNode<number>) =>
        valuesOf<GraphNode<number>>(shape, input, ({ actor, constant }, taken) => {
          const adder = adders[actor];
          assert.ok(adder);
          return adder.add.bind(constant, ...taken);
        }).slice(1),
      );
      const expected = inputs.map((input) =>
        valuesOf(shape, input, ({ actor, constant }, taken) =>
          taken.reduce((total, n) => total + n, actor + constant),
        ).slice(1),
      );
      await using compiled = await graph.compile({ maxInFlight });
      assert.deepEqual(await Promise.all(inputs.map((input) => compiled.execute(input))), expected);
      const executed = inputs.map((input) => graph.execute(input));
      assert.deepEqual(await Promise.all(executed.map((references) => runtime.get(references))), expected);
    },
  );
  await checkAsyncProperty(context, property, 40);
});
