// The dispatcher under random histories: whatever happens to requests and replicas, each request settles once,
// with its own answer or a typed error, and no bound is ever passed.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { BatchOutcome } from "../../../controller/dispatch/replica-link.ts";
import {
  type DispatchPolicy,
  type InferResult,
  PRIORITIES,
  type Priority,
  type Ticket,
} from "../../../controller/dispatch/index.ts";
import { ShoalError } from "../../../runtime/base/index.ts";
import type { FakeReplica, ReceivedBatch } from "../../support/fake-replica.ts";
import { checkAsyncProperty } from "../../support/properties.ts";
import { valuesOf } from "../../support/tensors.ts";
import { Desk, POLICY, quiet } from "./support.ts";

const RAN = ["failed", "lost"] as const;
const NOT_RUN = ["refused", "undelivered"] as const;

type Step =
  | {
      readonly do: "submit";
      readonly key: string;
      readonly rows: number;
      readonly withinMs: number;
      readonly priority: Priority;
      readonly tenant: string;
    }
  | { readonly do: "cancel"; readonly at: number }
  | { readonly do: "answer"; readonly at: number }
  | { readonly do: "unanswered"; readonly at: number; readonly how: (typeof RAN | typeof NOT_RUN)[number] }
  | { readonly do: "advance"; readonly byMs: number }
  | { readonly do: "restore" | "remove" | "add"; readonly at: number }
  | { readonly do: "policy"; readonly maxBatchSize: number };

const at = fc.nat(30);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof<fc.WeightedArbitrary<Step>[]>(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant("submit"),
        key: fc.constantFrom("a", "b"),
        rows: fc.integer({ min: 0, max: 3 }),
        withinMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constant(Number.POSITIVE_INFINITY)),
        priority: fc.constantFrom(...PRIORITIES),
        tenant: fc.constantFrom("", "x", "y"),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("cancel"), at }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("answer"), at }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("unanswered"), at, how: fc.constantFrom(...RAN, ...NOT_RUN) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("advance"), byMs: fc.integer({ min: 1, max: 15 }) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("restore", "remove", "add"), at }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("policy"), maxBatchSize: fc.integer({ min: 3, max: 8 }) }),
    },
  ),
  { minLength: 5, maxLength: 60 },
);

interface Submitted {
  readonly ticket: Ticket;
  readonly values: readonly number[];
  outcomes: (InferResult | ShoalError)[];
}

class History {
  readonly desk: Desk;
  readonly replicas: FakeReplica[] = [];
  readonly submitted: Submitted[] = [];
  /** Values of the requests that were in a lost batch: suspects. */
  readonly suspects = new Set<number>();
  #next = 0;

  constructor(policy: Partial<DispatchPolicy>) {
    this.desk = new Desk({ ...policy, maxOngoingRequests: 5 });
    this.#addReplica();
  }

  async step(step: Step): Promise<void> {
    const { dispatcher, clock } = this.desk;
    switch (step.do) {
      case "submit":
        this.#submit(step);
        break;
      case "cancel":
        pick(this.submitted, step.at)?.ticket.cancel(new ShoalError("CANCELLED", "the client went away"));
        break;
      case "answer":
        pick(this.#held, step.at)?.release();
        break;
      case "unanswered":
        this.#fail(pick(this.#held, step.at), step.how);
        break;
      case "advance":
        clock.advance(step.byMs);
        break;
      case "restore":
        dispatcher.restore(pick(this.replicas, step.at)?.id ?? "");
        break;
      case "remove":
        dispatcher.removeReplica(pick(this.replicas, step.at)?.id ?? "");
        break;
      case "add":
        if (this.replicas.length < 4) this.#addReplica();
        break;
      case "policy":
        dispatcher.setPolicy({ ...dispatcher.policy, maxBatchSize: step.maxBatchSize });
        break;
    }
    await quiet();
    this.#checkBounds();
  }

  /** A healthy replica comes: what is still open can be answered. */
  async end(): Promise<void> {
    const { desk } = this;
    for (const replica of this.replicas) replica.releaseAll();
    const healthy = desk.replica("healthy");
    this.replicas.push(healthy);
    healthy.hold = false;
    await desk.dispatcher.drain(1_000);
    await quiet();
    this.#checkOutcomes();
    assert.deepEqual([desk.dispatcher.queued, desk.dispatcher.open, desk.clock.pending], [0, 0, 0]);
    const { success, fail } = desk.dispatcher.stats;
    assert.equal(success.count + fail.count, this.submitted.length);
  }

  get #held(): ReceivedBatch[] {
    return this.replicas.flatMap(({ held }) => held);
  }

  #addReplica(): void {
    this.replicas.push(this.desk.replica(`r#${this.replicas.length}`));
  }

  #submit({ key: name, rows, withinMs, priority, tenant }: Extract<Step, { do: "submit" }>): void {
    const values = Array.from({ length: rows }, () => this.#next++);
    let ticket: Ticket;
    try {
      ticket = this.desk.submit(values, { name, withinMs, priority, tenant });
    } catch (refusal) {
      assert(refusal instanceof ShoalError && (refusal.retryAfterMs ?? 0) > 0);
      assert(["OVERLOADED", "QUEUE_FULL"].includes(refusal.code), refusal.code);
      return;
    }
    const submitted: Submitted = { ticket, values, outcomes: [] };
    this.submitted.push(submitted);
    ticket.result.then(
      (result) => submitted.outcomes.push(result),
      (error: ShoalError) => submitted.outcomes.push(error),
    );
  }

  #fail(batch: ReceivedBatch | undefined, how: Extract<Step, { do: "unanswered" }>["how"]): void {
    if (batch === undefined) return;
    if (how === "lost") for (const value of batch.inputs.flatMap(valuesOf)) this.suspects.add(Number(value));
    batch.release(outcomeOf(how));
  }

  #checkBounds(): void {
    for (const { held } of this.replicas) {
      assert(held.length <= POLICY.maxConcurrentBatches);
      assert(held.reduce((sum, { requests }) => sum + requests, 0) <= 5);
      for (const { inputs, requests, rows } of held) {
        assert.equal(inputs.length, 1, "requests of one signature");
        assert(requests === 1 || rows <= 8);
      }
    }
  }

  /** Exactly once, with the answer to its own rows or an error that fits what happened. */
  #checkOutcomes(): void {
    for (const { values, outcomes } of this.submitted) {
      assert.equal(outcomes.length, 1);
      const [outcome] = outcomes;
      if (outcome instanceof ShoalError) {
        const known = [
          "CANCELLED",
          "DEADLINE_EXCEEDED",
          "ENGINE_FAILED",
          "REPLICA_DIED",
          "LATEST_START_PASSED",
          "OVERLOADED",
          "QUEUE_FULL",
        ];
        assert(known.includes(outcome.code), outcome.code);
      } else assert.deepEqual(outcome?.outputs.flatMap(valuesOf), values);
    }
  }
}

function pick<T>(list: readonly T[], index: number): T | undefined {
  return list[index % Math.max(1, list.length)];
}

function outcomeOf(how: Extract<Step, { do: "unanswered" }>["how"]): BatchOutcome {
  switch (how) {
    case "failed":
      return { kind: "failed", error: new ShoalError("ENGINE_FAILED", "it failed") };
    case "refused":
      return { kind: "refused", error: new ShoalError("LATEST_START_PASSED", "too late") };
    case "lost":
    case "undelivered":
      return {
        kind: "lost",
        delivered: how === "lost",
        error: new ShoalError("REPLICA_DIED", "the replica ended"),
      };
  }
}

const POLICIES: readonly [string, Partial<DispatchPolicy>][] = [
  ["idempotent", { idempotent: true }],
  ["not idempotent", { idempotent: false }],
  ["with an objective", { objectiveMs: 20, maxQueuedRequests: 6 }],
  [
    "with tenants, one at a time",
    {
      tenants: { header: "x-tenant", weights: { x: 3 }, maxQueuedRequests: 3 },
      maxQueuedRequests: 6,
      parallel: true,
    },
  ],
  ["with second copies", { hedge: { budget: 1 }, objectiveMs: 1_000 }],
];

for (const [what, policy] of POLICIES) {
  test(`every request settles exactly once, whatever happens (${what}; random)`, async (t) => {
    await checkAsyncProperty(
      t,
      fc.asyncProperty(steps, async (history) => {
        const run = new History(policy);
        for (const step of history) await run.step(step);
        await run.end();
      }),
      150,
    );
  });
}

test("a suspect never has company at its replica (random)", async (t) => {
  await checkAsyncProperty(
    t,
    fc.asyncProperty(steps, async (history) => {
      const run = new History({ idempotent: true });
      for (const step of history) {
        const before = new Set(run.replicas.flatMap(({ held }) => held));
        await run.step(step);
        for (const { held } of run.replicas) {
          const suspect = held.find(
            (one) =>
              !before.has(one) && one.inputs.flatMap(valuesOf).some((v) => run.suspects.has(Number(v))),
          );
          if (suspect !== undefined) assert.deepEqual(held, [suspect]);
        }
      }
      await run.end();
    }),
    150,
  );
});
