// Replicas and clients in virtual time around a real dispatcher: how much of what is asked is answered in time.

import { setImmediate as immediate } from "node:timers/promises";
import type { Batch } from "../../../controller/dispatch/batch.ts";
import { Heap } from "../../../controller/dispatch/heap.ts";
import {
  type Claim,
  Dispatcher,
  type DispatchPolicy,
  type InferWork,
} from "../../../controller/dispatch/index.ts";
import type { BatchOutcome, ReplicaLink } from "../../../controller/dispatch/replica-link.ts";
import { type Clock, ShoalError, sleepOn, type Timer } from "../../../runtime/base/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { FakeReplica } from "../../support/fake-replica.ts";

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
  index: number;
}

/** Time goes from one timer to the next. */
export class VirtualClock implements Clock {
  readonly #due = new Heap<Due>({
    before: (a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order),
    place: (item, index) => {
      item.index = index;
    },
  });
  #nowMs = 0;
  #order = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#nowMs;
  }

  timer(delayMs: number, fire: () => void): Timer {
    const due: Due = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fire, index: -1 };
    this.#due.push(due);
    return {
      cancel: () => {
        if (due.index >= 0) this.#due.removeAt(due.index);
      },
    };
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delayMs, signal);
  }

  /** Runs everything that is due until then, each with all that follows from it. */
  async runUntil(untilMs: number): Promise<void> {
    await immediate();
    for (let next = this.#due.first; next !== undefined && next.atMs <= untilMs; next = this.#due.first) {
      this.#nowMs = next.atMs;
      this.#due.removeAt(next.index);
      next.fire();
      await immediate();
    }
    this.#nowMs = untilMs;
  }
}

export interface Profile {
  readonly fixedMs: number;
  readonly perRowMs: number;
  readonly objectiveMs: number;
}

export const PROFILES = {
  gpu: { fixedMs: 10, perRowMs: 0.5, objectiveMs: 40 },
  resnet: { fixedMs: 5.07, perRowMs: 1.05, objectiveMs: 50 },
  cpu: { fixedMs: 1, perRowMs: 20, objectiveMs: 150 },
} as const satisfies Record<string, Profile>;

/** Rows per second of so many replicas that all finish in time, with one queue before them (§2.2). */
export function capacityOf(
  { fixedMs, perRowMs, objectiveMs }: Profile,
  replicas: number,
  maxRows: number,
): number {
  const longest = objectiveMs / (1 + 1 / replicas) / 1.12;
  const rows = Math.max(1, Math.min(maxRows, Math.floor((longest - fixedMs) / perRowMs)));
  return (replicas * rows * 1_000) / (fixedMs + perRowMs * rows);
}

const NOISE = 0.05;
const HOP_MS = 0.3;

export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One batch after the other, or beside each other, each as long as its profile says, give or take. */
export class PlantReplica implements ReplicaLink {
  readonly id: string;
  readonly connections = new FakeReplica().connections;
  /** How many times as long as its profile says. */
  slowness = 1;
  readonly #clock: Clock;
  readonly #profile: Profile;
  readonly #random: () => number;
  readonly #parallel: boolean;
  #freeMs = 0;

  constructor(
    id: string,
    {
      clock,
      profile,
      random,
      parallel,
    }: { clock: Clock; profile: Profile; random: () => number; parallel: boolean },
  ) {
    this.id = id;
    this.#clock = clock;
    this.#profile = profile;
    this.#random = random;
    this.#parallel = parallel;
  }

  send(batch: Batch): Promise<BatchOutcome> {
    const { fixedMs, perRowMs } = this.#profile;
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    const runMs = (fixedMs + perRowMs * batch.rows) * Math.exp(NOISE * normal) * this.slowness;
    const nowMs = this.#clock.nowMs();
    this.#freeMs = Math.max(this.#parallel ? 0 : this.#freeMs, nowMs + HOP_MS / 2) + runMs;
    const { promise, resolve } = Promise.withResolvers<BatchOutcome>();
    this.#clock.timer(this.#freeMs + HOP_MS / 2 - nowMs, () =>
      resolve({ kind: "done", outputs: [], computeNs: [0, runMs * 1e6, 0] }),
    );
    return promise;
  }
}

const WORK = { kind: "infer", inputs: [], outputs: [], rows: 1 } satisfies Partial<InferWork>;

export interface Outcome {
  readonly claim: Claim;
  readonly sentMs: number;
  readonly tookMs: number;
  readonly kind: "answered" | "refused" | "failed";
}

export class Plant {
  readonly clock = new VirtualClock();
  readonly random: () => number;
  readonly dispatcher: Dispatcher;
  readonly replicas: readonly PlantReplica[];
  readonly outcomes: Outcome[] = [];
  readonly #kinds: number;

  constructor(profile: Profile, { replicas, policy, seed, kinds = 1 }: PlantOptions) {
    this.#kinds = kinds;
    this.random = generator(seed);
    this.dispatcher = new Dispatcher({
      deployment: "plant",
      policy: {
        maxBatchSize: 64,
        batchWaitTimeoutMs: 0,
        maxConcurrentBatches: 2,
        maxOngoingRequests: 1_000,
        maxQueuedRequests: 10_000,
        idempotent: true,
        objectiveMs: profile.objectiveMs,
        ...policy,
      },
      clock: this.clock,
      log: silentLog,
      afterTurn: queueMicrotask,
    });
    const { clock, random } = this;
    const { parallel = false } = this.dispatcher.policy;
    this.replicas = Array.from(
      { length: replicas },
      (_, index) => new PlantReplica(`r#${index}`, { clock, profile, random, parallel }),
    );
    for (const replica of this.replicas) this.dispatcher.addReplica(replica);
  }

  /** Poisson arrivals for so long from now. */
  async load(perSecond: number, forMs: number, claim: Claim = {}): Promise<void> {
    const untilMs = this.clock.nowMs() + forMs;
    this.arrive(perSecond, untilMs, claim);
    await this.clock.runUntil(untilMs);
  }

  /** Has requests arrive until then, once time runs. */
  arrive(perSecond: number, untilMs: number, claim: Claim = {}): void {
    const next = (): void => {
      const inMs = (-Math.log(1 - this.random()) * 1_000) / perSecond;
      if (this.clock.nowMs() + inMs > untilMs) return;
      this.clock.timer(inMs, () => {
        this.#request(claim);
        next();
      });
    };
    next();
  }

  #request(claim: Claim): void {
    const sentMs = this.clock.nowMs();
    const end = (kind: Outcome["kind"]): void => {
      this.outcomes.push({ claim, sentMs, tookMs: this.clock.nowMs() - sentMs, kind });
    };
    try {
      const joinKey = `kind ${Math.floor(this.#kinds * this.random())}`;
      const ticket = this.dispatcher.submit({ ...WORK, joinKey, claim }, sentMs + 60_000);
      ticket.result.then(
        () => end("answered"),
        () => end("failed"),
      );
    } catch (refusal) {
      if (!(refusal instanceof ShoalError)) throw refusal;
      end("refused");
    }
  }

  /** Of those sent since then, how many per second were answered in time. */
  goodput(sinceMs: number, objectiveMs: number, claim?: Claim): number {
    const own = this.outcomes.filter(
      (one) => one.sentMs >= sinceMs && (claim === undefined || one.claim === claim),
    );
    const good = own.filter(({ kind, tookMs }) => kind === "answered" && tookMs <= objectiveMs).length;
    return (good * 1_000) / (this.clock.nowMs() - sinceMs);
  }
}

export interface PlantOptions {
  readonly replicas: number;
  readonly seed: number;
  readonly policy?: Partial<DispatchPolicy>;
  /** Of requests, which share batches with their own only. Default 1. */
  readonly kinds?: number;
}
