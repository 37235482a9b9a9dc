// Random histories of deploys, refusals, removals, rollbacks and restarts, against a model of a few lines: what the
// controller is told to serve is always what was accepted last, over any number of ends.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { checkAsyncProperty } from "../../support/properties.ts";
import { application, DeployRig, Folder } from "./support.ts";

type Step =
  | { readonly kind: "deploy"; readonly wanted: Readonly<Record<string, number>>; readonly dry: boolean }
  | { readonly kind: "refused" }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "roll back"; readonly name: string; readonly back: number }
  | { readonly kind: "restart" };

const name = fc.constantFrom("a", "b", "c");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("deploy" as const),
      wanted: fc.dictionary(name, fc.integer({ min: 1, max: 3 }), { minKeys: 1, noNullPrototype: true }),
      dry: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant("refused" as const) }),
  fc.record({ kind: fc.constant("remove" as const), name }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("roll back" as const),
      name,
      back: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);

const ASKED = { author: "test", source: "test" };

/** Its replicas wait for room all but one at a time: what they do is not what is looked at. */
const applicationOf = (of: string, queued: number): object =>
  application(of, { max_queued_requests: queued, resources: { num_cpus: 4 } });

class Model {
  /** By application, `max_queued_requests` of what is wanted. */
  wanted = new Map<string, number>();
  /** By application, that of each release, from the first. */
  readonly releases = new Map<string, number[]>();

  deploy(next: Readonly<Record<string, number>>): void {
    for (const [of, queued] of Object.entries(next)) {
      if (this.wanted.get(of) !== queued) this.#release(of, queued);
    }
    this.wanted = new Map(Object.entries(next));
  }

  /** Which release `back` before the newest is, if there is one. */
  release(of: string, back: number): number | undefined {
    const number = (this.releases.get(of)?.length ?? 0) - back;
    return number >= 1 ? number : undefined;
  }

  rollBack(of: string, number: number): void {
    const queued = this.releases.get(of)?.[number - 1];
    assert(queued !== undefined);
    this.#release(of, queued);
    this.wanted.set(of, queued);
  }

  #release(of: string, queued: number): void {
    this.releases.set(of, [...(this.releases.get(of) ?? []), queued]);
  }
}

async function take(
  rig: DeployRig,
  step: Exclude<Step, { readonly kind: "restart" }>,
  model: Model,
): Promise<void> {
  switch (step.kind) {
    case "deploy": {
      const applications = Object.entries(step.wanted).map(([of, queued]) => applicationOf(of, queued));
      const outcome = await rig.deploy(applications, { dryRun: step.dry });
      assert.equal(outcome.kind, "accepted");
      if (!step.dry) model.deploy(step.wanted);
      break;
    }
    case "refused":
      await rig.refused([applicationOf("a", 1), applicationOf("a", 2)]);
      break;
    case "remove": {
      const removed = await rig.deploys.remove(ASKED, [step.name]);
      assert.deepEqual(removed, model.wanted.delete(step.name) ? [step.name] : []);
      break;
    }
    case "roll back": {
      const to = model.release(step.name, step.back);
      const answer = await rig.deploys.rollBack(step.name, { ...ASKED, to: to ?? 99 });
      assert.equal(answer.kind, to === undefined ? "no target" : "rolled back");
      if (to !== undefined) model.rollBack(step.name, to);
      break;
    }
  }
}

async function check(rig: DeployRig, model: Model): Promise<void> {
  const served = rig.controller.config.applications.map(({ name: of, deployments }) => {
    return [of, deployments[0]?.maxQueuedRequests] as const;
  });
  const sorted = (entries: Iterable<readonly [string, number | undefined]>) =>
    [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  assert.deepEqual(sorted(served), sorted(model.wanted));
  assert.deepEqual(
    sorted([...rig.deploys.releases].map(([of, { number }]) => [of, number] as const)),
    sorted([...model.wanted.keys()].map((of) => [of, model.releases.get(of)?.length] as const)),
  );
}

test("what is served is what was accepted last, whatever was asked and however often it ended (1, 2)", async (t) => {
  await checkAsyncProperty(
    t,
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 14 }), async (steps) => {
      await using folder = await Folder.make();
      const model = new Model();
      const pending = [...steps];
      while (pending.length > 0) {
        await using rig = await DeployRig.start(folder);
        await check(rig, model);
        for (
          let next = pending.shift();
          next !== undefined && next.kind !== "restart";
          next = pending.shift()
        ) {
          await take(rig, next, model);
          await check(rig, model);
        }
      }
    }),
    6,
  );
});
