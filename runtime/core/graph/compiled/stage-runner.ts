// One actor's steps in a compiled graph: takes values as they arrive, calls methods, passes results on.
//
// 1. One step runs at a time, those of one kind in the order of the executions.
// 2. A step that has got an error passes it on, when all its values are there, and does not run: what is in flight is
//    bounded by that, and nothing of one execution reaches the next.
// 3. Every reader of a value gets a copy of its own, in this process too.
// 4. A result with references in it is kept until its readers are done with it, which is `maxInFlight` executions later.

import type { WireError } from "../../../base/index.ts";
import type { Session } from "../../api/session.ts";
import { describeThrown, Refusal } from "../../worker/thrown.ts";
import { isIterator } from "../../worker/user-code.ts";
import type { Passed } from "./stage-messages.ts";
import type { Destination, StagePlan, StepPlan } from "./stage-plan.ts";

export interface StageParts {
  readonly session: Session;
  readonly instance: object;
  readonly plan: StagePlan;
  readonly pass: (to: Destination, execution: number, passed: Passed) => void;
}

interface Arrived {
  readonly number: number;
  readonly values: (Passed | undefined)[];
  /** By step: how many of its values are not there yet. */
  readonly missing: number[];
  left: number;
}

type Ready = readonly [execution: Arrived, step: StepPlan];

export class StageRunner {
  readonly #parts: StageParts;
  readonly #arrived = new Map<number, Arrived>();
  readonly #ready: Ready[] = [];
  /** Invariant 4. */
  readonly #kept = new Map<number, unknown[]>();
  readonly #needs: readonly number[];
  /** By place: the steps that take it. */
  readonly #takers: readonly (readonly number[])[];
  #runs = false;

  constructor(parts: StageParts) {
    this.#parts = parts;
    const { steps, places } = parts.plan;
    const placesOf = steps.map(
      ({ args }) => new Set(args.flatMap((arg) => ("place" in arg ? [arg.place] : []))),
    );
    this.#needs = placesOf.map(({ size }) => size);
    this.#takers = Array.from({ length: places }, (_, place) =>
      placesOf.flatMap((taken, index) => (taken.has(place) ? [index] : [])),
    );
  }

  receive(number: number, place: number, passed: Passed): void {
    const { steps } = this.#parts.plan;
    let execution = this.#arrived.get(number);
    if (execution === undefined) {
      execution = { number, values: [], missing: [...this.#needs], left: steps.length };
      this.#arrived.set(number, execution);
    }
    execution.values[place] = passed;
    for (const index of this.#takers[place] ?? []) {
      const missing = (execution.missing[index] ?? 0) - 1;
      execution.missing[index] = missing;
      const step = steps[index];
      if (missing === 0 && step !== undefined) this.#ready.push([execution, step]);
    }
    this.#run();
  }

  /** Invariant 1. */
  #run(): void {
    if (this.#runs) return;
    this.#runs = true;
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      const over = this.#step(next);
      if (over === undefined) continue;
      void over.then(() => {
        this.#runs = false;
        this.#run();
      });
      return;
    }
    this.#runs = false;
  }

  /** Never throws or rejects: what goes wrong is passed on. */
  #step([execution, step]: Ready): Promise<void> | undefined {
    const failed = this.#errorAmong(execution, step);
    if (failed !== undefined) {
      this.#passAll(execution, step, { error: failed }); // invariant 2
      return undefined;
    }
    try {
      const result = this.#call(execution, step);
      if (result instanceof Promise) return this.#later(execution, step, result);
      this.#finish(execution, step, result);
    } catch (thrown) {
      this.#passAll(execution, step, { error: errorOf(step, thrown) });
    }
    return undefined;
  }

  async #later(execution: Arrived, step: StepPlan, result: Promise<unknown>): Promise<void> {
    try {
      this.#finish(execution, step, await result);
    } catch (thrown) {
      this.#passAll(execution, step, { error: errorOf(step, thrown) });
    }
  }

  #call({ values }: Arrived, step: StepPlan): unknown {
    const { session, instance } = this.#parts;
    const args = step.args.map((argument) => {
      if ("constant" in argument) return argument.constant;
      const passed = values[argument.place];
      return passed !== undefined && "parts" in passed ? session.decode(passed.parts) : undefined; // invariant 3
    });
    const method: unknown = Reflect.get(instance, step.method);
    if (typeof method === "function") return Reflect.apply(method, instance, args);
    throw new Refusal("NOT_FOUND", `Cannot call "${step.method}": the actor's class has no such method`);
  }

  #finish(execution: Arrived, step: StepPlan, result: unknown): void {
    const values = returnsOf(step, result).map((value) => {
      const { parts, contains } = this.#encode(step, value);
      if (contains.length > 0) this.#keep(execution.number, value);
      return { parts };
    });
    // All are encoded before any is passed on, so that a step gives all its values or one error.
    for (const [index, passed] of values.entries()) this.#pass(execution, step.returns[index] ?? [], passed);
    this.#end(execution);
  }

  #encode({ label }: StepPlan, value: unknown): ReturnType<Session["encode"]> {
    try {
      return this.#parts.session.encode(value);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Refusal("CALL_FAILED", `Cannot send the result of "${label}" to another process: ${why}`, {
        cause,
      });
    }
  }

  #passAll(execution: Arrived, step: StepPlan, passed: Passed): void {
    for (const destinations of step.returns) this.#pass(execution, destinations, passed);
    this.#end(execution);
  }

  #pass({ number }: Arrived, destinations: readonly Destination[], passed: Passed): void {
    const { plan, pass } = this.#parts;
    for (const to of destinations) {
      if (to.to === plan.index) this.receive(number, to.place, passed);
      else pass(to, number, passed);
    }
  }

  #end(execution: Arrived): void {
    if (--execution.left === 0) this.#arrived.delete(execution.number);
  }

  #keep(number: number, value: unknown): void {
    const kept = this.#kept.get(number);
    if (kept !== undefined) kept.push(value);
    else this.#kept.set(number, [value]);
    for (const [oldest] of this.#kept) {
      if (oldest > number - this.#parts.plan.maxInFlight) break;
      this.#kept.delete(oldest);
    }
  }

  #errorAmong({ values }: Arrived, { args }: StepPlan): WireError | undefined {
    for (const argument of args) {
      const passed = "place" in argument ? values[argument.place] : undefined;
      if (passed !== undefined && "error" in passed) return passed.error;
    }
    return undefined;
  }
}

function returnsOf({ returns, label }: StepPlan, result: unknown): readonly unknown[] {
  if (isIterator(result)) {
    throw new Refusal(
      "INVALID_ARGUMENT",
      `Cannot stream from "${label}": a compiled graph passes values only`,
    );
  }
  if (returns.length === 1) return [result];
  if (Array.isArray(result) && result.length === returns.length) return result;
  const found = Array.isArray(result) ? `an array of ${result.length}` : `a ${typeof result}`;
  throw new Refusal(
    "CALL_FAILED",
    `Cannot return from "${label}": found ${found}, wanted an array of ${returns.length}`,
  );
}

function errorOf({ label }: StepPlan, thrown: unknown): WireError {
  const { error, name, typed } = describeThrown(thrown);
  if (typed) return error;
  return {
    ...error,
    message: `"${label}" of a compiled graph (pid ${process.pid}) threw ${name}: ${error.message}`,
  };
}
