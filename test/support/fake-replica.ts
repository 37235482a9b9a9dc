// A replica that runs nothing: the far side of a dispatcher, with a knob for everything a replica can do wrong.
// Knobs are plain fields; each is read when a batch is answered, so a held batch can still be made to fail.
//
//   const replica = new FakeReplica({ hold: true });
//   dispatcher.addReplica(replica);
//   const sent = await replica.nextBatch();          the batch, its requests laid behind each other
//   sent.release();                                  answered by the knobs, or by what `release` is given

import assert from "node:assert/strict";
import { Dispatcher, MockAgent } from "undici";
import type { Batch } from "../../controller/dispatch/batch.ts";
import type { BatchOutcome, ReplicaLink } from "../../controller/dispatch/replica-link.ts";
import { type Clock, concatRows, ShoalError, type Tensor } from "../../runtime/base/index.ts";

type ComputeNs = readonly [input: number, infer: number, output: number];

export interface FakeReplicaKnobs {
  readonly id?: string;
  readonly clock?: Clock;
  readonly connections?: Dispatcher;
  readonly hold?: boolean;
  readonly outputs?: FakeReplica["outputs"];
}

/** One batch as it arrived. */
export class ReceivedBatch {
  readonly batch: Batch;
  /** The inputs of its requests, each laid behind the other along the batch axis. */
  readonly inputs: readonly Tensor[];
  /** Names of the outputs asked for; empty means all. */
  readonly wanted: readonly string[];
  readonly outcome: Promise<BatchOutcome>;
  /** Every caller went away before the answer, and the replica was told. */
  abandoned = false;
  readonly #resolve: (outcome: BatchOutcome) => void;
  readonly #answer: (received: ReceivedBatch) => BatchOutcome;

  constructor(batch: Batch, answer: (received: ReceivedBatch) => BatchOutcome) {
    this.batch = batch;
    const works = batch.entries.map(({ work }) => {
      assert(work.kind === "infer", "only tensors are sent as a batch");
      return work;
    });
    const [first] = works;
    assert(first !== undefined, "a batch has at least one request");
    this.wanted = first.outputs;
    this.inputs = first.inputs.map((_, index) => joined(works.map(({ inputs }) => inputs[index] as Tensor)));
    const { promise, resolve } = Promise.withResolvers<BatchOutcome>();
    this.outcome = promise;
    this.#resolve = resolve;
    this.#answer = answer;
  }

  get rows(): number {
    return this.batch.rows;
  }

  /** How many requests travel in it. */
  get requests(): number {
    return this.batch.entries.length;
  }

  /** Lets the answer go: the given one, or what the replica's knobs say now. No effect the second time. */
  release(outcome?: BatchOutcome): void {
    this.#resolve(outcome ?? this.#answer(this));
  }
}

export class FakeReplica implements ReplicaLink {
  readonly id: string;
  readonly connections: Dispatcher;
  /** Every batch that ever arrived, in order. */
  readonly received: ReceivedBatch[] = [];

  /** Batches wait for their `release`. */
  hold: boolean;
  /** Batches wait this long on the clock before they are answered; 0 answers in the same turn. */
  delayMs = 0;
  /** The engine fails with this error, or with what the function gives for a batch. */
  fail: ShoalError | ((received: ReceivedBatch) => ShoalError | undefined) | undefined;
  /** The replica does not run what it gets. */
  refuse: ShoalError | undefined;
  /** The replica dies with every batch; `delivered` says whether it may have seen it. */
  lose: { readonly delivered: boolean; readonly error?: ShoalError } | undefined;
  /** What the model answers; its inputs by default. */
  outputs: (inputs: readonly Tensor[], received: ReceivedBatch) => readonly Tensor[];
  /** Nanoseconds it says to have spent. */
  computeNs: ComputeNs = [1_000, 10_000, 1_000];
  /** Stops when every caller of a batch went away, as a replica that runs user code does. */
  interruptible = false;

  readonly #clock: Clock | undefined;
  readonly #open = new Set<ReceivedBatch>();
  readonly #awaited = new Set<() => void>();
  #handedOut = 0;

  constructor(knobs: FakeReplicaKnobs = {}) {
    this.id = knobs.id ?? "fake#0";
    this.#clock = knobs.clock;
    this.connections = knobs.connections ?? noConnections();
    this.hold = knobs.hold ?? false;
    this.outputs = knobs.outputs ?? ((inputs) => inputs);
  }

  /** Received and not answered. */
  get held(): readonly ReceivedBatch[] {
    return this.received.filter((one) => this.#open.has(one));
  }

  send(batch: Batch): Promise<BatchOutcome> {
    const received = new ReceivedBatch(batch, (one) => this.#answer(one));
    this.received.push(received);
    this.#open.add(received);
    void received.outcome.then(() => this.#open.delete(received));
    if (this.interruptible) batch.abandon = () => this.#abandon(received);
    for (const look of this.#awaited) look();
    if (this.hold) return received.outcome;
    if (this.delayMs > 0) {
      assert(this.#clock !== undefined, "a delay needs a clock");
      this.#clock.timer(this.delayMs, () => received.release());
    } else received.release();
    return received.outcome;
  }

  /** The next batch nobody has asked for yet, past or future. */
  nextBatch(): Promise<ReceivedBatch> {
    const index = this.#handedOut++;
    return new Promise((resolve) => {
      const look = (): void => {
        const received = this.received[index];
        if (received === undefined) return;
        this.#awaited.delete(look);
        resolve(received);
      };
      this.#awaited.add(look);
      look();
    });
  }

  /** Answers everything that is held, and holds no more. */
  releaseAll(): void {
    this.hold = false;
    for (const received of this.held) received.release();
  }

  #abandon(received: ReceivedBatch): void {
    received.abandoned = true;
    const error = new ShoalError("CANCELLED", "Cannot answer: every caller went away");
    received.release({ kind: "refused", error });
  }

  #answer(received: ReceivedBatch): BatchOutcome {
    if (this.refuse !== undefined) return { kind: "refused", error: this.refuse };
    if (this.lose !== undefined) {
      const { delivered, error = new ShoalError("REPLICA_DIED", "The replica ended") } = this.lose;
      return { kind: "lost", error, delivered };
    }
    const failure = typeof this.fail === "function" ? this.fail(received) : this.fail;
    if (failure !== undefined) return { kind: "failed", error: failure };
    const outputs = this.outputs(received.inputs, received);
    return { kind: "done", outputs, computeNs: this.computeNs };
  }
}

/** A tensor without a batch axis cannot be joined, and never is: it travels alone. */
function joined(parts: readonly Tensor[]): Tensor {
  const [only, second] = parts;
  return only !== undefined && second === undefined ? only : concatRows(parts);
}

/** Connections that lead nowhere: a request on them fails at once. */
function noConnections(): Dispatcher {
  const agent = new MockAgent();
  agent.disableNetConnect();
  return agent;
}
