// What the tests of the dispatcher share: a dispatcher on a clock that stands still, work of a few numbers, and
// ways to wait for what must follow by itself.

import assert from "node:assert/strict";
import { setImmediate as immediate } from "node:timers/promises";
import type { Claim, DispatchPolicy } from "../../../controller/dispatch/policy.ts";
import {
  Dispatcher,
  type DispatcherOptions,
  type FetchWork,
  type InferResult,
  type InferWork,
  joinKey,
  type Ticket,
} from "../../../controller/dispatch/index.ts";
import { type ErrorCode, ShoalError } from "../../../runtime/base/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeReplica, type ReceivedBatch } from "../../support/fake-replica.ts";
import { tensor, valuesOf } from "../../support/tensors.ts";

export const POLICY: DispatchPolicy = {
  maxBatchSize: 4,
  batchWaitTimeoutMs: 10,
  maxConcurrentBatches: 2,
  maxOngoingRequests: 100,
  maxQueuedRequests: 100,
  idempotent: true,
};

/** A request with one row per value; requests of one name may be joined. */
export function infer(values: readonly number[], name = "x"): InferWork {
  const inputs = [tensor(name, "INT32", { shape: [values.length, 1], values })];
  return { kind: "infer", inputs, outputs: [], rows: values.length, joinKey: joinKey(inputs, []) };
}

export class Desk {
  readonly clock = new FakeClock();
  readonly dispatcher: Dispatcher;
  readonly lost: string[] = [];

  constructor(policy: Partial<DispatchPolicy> = {}, options: Partial<DispatcherOptions> = {}) {
    this.dispatcher = new Dispatcher({
      deployment: "net",
      policy: { ...POLICY, ...policy },
      clock: this.clock,
      log: silentLog,
      onLost: (id) => this.lost.push(id),
      ...options,
    });
  }

  /** Joins a replica that holds every batch. */
  replica(id = "r#0"): FakeReplica {
    const replica = new FakeReplica({ id, hold: true, clock: this.clock });
    this.dispatcher.addReplica(replica);
    return replica;
  }

  submit(
    values: readonly number[],
    {
      name = "x",
      withinMs = Number.POSITIVE_INFINITY,
      ...claim
    }: { name?: string; withinMs?: number } & Claim = {},
  ): Ticket {
    const work = { ...infer(values, name), claim };
    const ticket = this.dispatcher.submit(work, this.clock.nowMs() + withinMs);
    // A test may look at what became of it later than it settles.
    ticket.result.catch(() => undefined);
    return ticket;
  }
}

/** Lets everything happen that needs neither time nor anybody's doing. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await immediate();
}

/** The numbers of an answer. */
export async function answerOf({ result }: Ticket): Promise<(number | bigint | string)[]> {
  const { outputs } = await result;
  return outputs.flatMap(valuesOf);
}

/** The values of the rows of each batch that arrived. */
export function valuesIn(replica: FakeReplica): (number | bigint | string)[][] {
  return replica.received.map(({ inputs }) => inputs.flatMap(valuesOf));
}

export type Settled =
  | { readonly kind: "answered"; readonly result: InferResult }
  | { readonly kind: "failed"; readonly code: ErrorCode };

export async function settled({ result }: Ticket): Promise<Settled> {
  try {
    return { kind: "answered", result: await result };
  } catch (error) {
    assert(error instanceof ShoalError, String(error));
    return { kind: "failed", code: error.code };
  }
}

export const cancelled = new ShoalError("CANCELLED", "the client went away");

/** The engine cannot run a batch that has this value in it. */
export function failOn(bad: number, code: ErrorCode = "ENGINE_FAILED") {
  return ({ inputs }: ReceivedBatch): ShoalError | undefined =>
    inputs.some(({ bytes }) => new Int32Array(bytes.slice().buffer).includes(bad))
      ? new ShoalError(code, `found ${bad}`)
      : undefined;
}

/** Keeps the one replica busy, so that what follows must queue. */
export async function busy(desk: Desk, replica = desk.replica()) {
  const ticket = desk.submit([0], { name: "busy" });
  const batch = await replica.nextBatch();
  return { replica, ticket, batch };
}

export function carrying(carry: FetchWork["carry"]): FetchWork {
  return { kind: "fetch", carry };
}
