// Requests → batches → replicas, for one deployment. The loop around the decisions of `decide.ts`: it queues,
// binds a batch to a replica when one has room, and settles what comes back.
//
// 1. The queue is bounded and a refusal is immediate.
// 2. A request that was admitted settles: with its result, with its own failure, or when its deadline passes.
// 3. A batch is bound to a replica at the moment there is room, never before.
// 4. A replica that lost a batch gets no other until it is restored.

import type { Clock, Timer } from "../../runtime/base/index.ts";
import { asShoalError, ShoalError, splitRows, type Tensor } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import { Batch } from "./batch.ts";
import { afterUnanswered, type DispatchPolicy, decide } from "./decide.ts";
import { Entry } from "./entry.ts";
import { OpenEntries } from "./open-entries.ts";
import { RequestQueue } from "./queue.ts";
import type { BatchOutcome, ReplicaLink } from "./replica-link.ts";
import { type InferResult, NotDelivered, type Ticket, type Work } from "./request.ts";
import { DispatchStats } from "./stats.ts";

export interface DispatcherOptions {
  readonly deployment: string;
  readonly policy: DispatchPolicy;
  readonly clock: Clock;
  readonly log: Logger;
  /** Runs `fire` when the sockets that are readable now have been read, so that their requests go together. */
  readonly afterTurn?: (fire: () => void) => void;
  /** Told when a replica lost a batch; it gets no more until `restore`. */
  readonly onLost?: (replicaId: string, error: ShoalError) => void;
}

/** What is known of one replica. */
class Slot {
  readonly link: ReplicaLink;
  /** Those it has, oldest first, also when nobody waits for them any more. */
  readonly batches: Batch[] = [];
  ongoingRequests = 0;
  /** It runs a suspect, which gets no company. */
  reserved = false;
  lost = false;

  constructor(link: ReplicaLink) {
    this.link = link;
  }

  get ongoingBatches(): number {
    return this.batches.length;
  }
}

/** A caller is never told to stay away for longer. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Deadlines are looked at no more often than this, so that a burst of them costs one pass. */
const SWEEP_INTERVAL_MS = 2;

export class Dispatcher {
  readonly stats = new DispatchStats();
  readonly #options: DispatcherOptions;
  #policy: DispatchPolicy;
  readonly #queue = new RequestQueue();
  readonly #open = new OpenEntries();
  #slots: Slot[] = [];
  #turnAsked = false;
  #waitTimer: Timer | undefined;
  #sweep: { readonly atMs: number; readonly timer: Timer } | undefined;
  #refusal: ShoalError | undefined;
  /** Nothing will run any more: what comes back unanswered fails. */
  #hopeless = false;
  #drained: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  /** Mean time per row of late, for `Retry-After`. */
  #rowMs = 1;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#policy = options.policy;
  }

  /** Requests waiting. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Requests admitted and not settled. */
  get open(): number {
    return this.#open.size;
  }

  get policy(): DispatchPolicy {
    return this.#policy;
  }

  /** New bounds apply to what is decided from now on; nothing queued is lost. */
  setPolicy(policy: DispatchPolicy): void {
    this.#policy = policy;
    this.#askTurn();
  }

  /** Why a request would be refused now, before anything of it is read; undefined when there is room. */
  refusal(): ShoalError | undefined {
    if (this.#refusal !== undefined) return this.#refusal;
    if (this.#queue.length < this.#policy.maxQueuedRequests) return undefined;
    const replicas = Math.max(1, this.#slots.length);
    const retryAfterMs = Math.min(
      MAX_RETRY_AFTER_MS,
      Math.ceil((this.#queue.length * this.#rowMs) / replicas),
    );
    return new ShoalError(
      "QUEUE_FULL",
      `Cannot take a request for "${this.#options.deployment}": ${this.#queue.length} wait already, wanted fewer than max_queued_requests ${this.#policy.maxQueuedRequests}`,
      { retryAfterMs },
    );
  }

  /** Admits work or throws at once (invariant 1). */
  submit(work: Work, deadlineMs: number): Ticket {
    const refusal = this.refusal();
    if (refusal !== undefined) {
      this.stats.refused++;
      throw refusal;
    }
    const { maxBatchSize } = this.#policy;
    if (work.kind === "infer" && work.rows > maxBatchSize) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot run a request on "${this.#options.deployment}": found ${work.rows} rows, wanted at most max_batch_size ${maxBatchSize}`,
      );
    }
    const entry = new Entry(work, this.#options.clock.nowMs(), deadlineMs);
    this.#open.add(entry);
    this.#queue.push(entry);
    this.#sweepBy(deadlineMs);
    this.#askTurn();
    return {
      result: entry.result,
      cancel: (reason) => this.#withdraw(entry, reason),
      liftDeadline: () => {
        entry.deadlineMs = Number.POSITIVE_INFINITY;
      },
    };
  }

  addReplica(link: ReplicaLink): void {
    this.#slots.push(new Slot(link));
    this.#askTurn();
  }

  /** No new batch goes there; what it has, it may finish. */
  removeReplica(id: string): void {
    this.#slots = this.#slots.filter((slot) => slot.link.id !== id);
  }

  /** Ends the ban of invariant 4. */
  restore(id: string): void {
    for (const slot of this.#slots) if (slot.link.id === id) slot.lost = false;
    this.#askTurn();
  }

  /** Milliseconds since the oldest batch now at a replica was sent; undefined when it has none. */
  busyMs(id: string): number | undefined {
    const slot = this.#slots.find(({ link }) => link.id === id);
    const [oldest] = slot?.batches ?? [];
    return oldest === undefined ? undefined : this.#options.clock.nowMs() - oldest.sentMs;
  }

  /** Refuses new work with `reason` until `accept`, and fails what waits; what is at a replica may finish. */
  refuseAll(reason: ShoalError): void {
    if (this.#drained !== undefined) return;
    this.#refusal = reason;
    this.#hopeless = true;
    for (const entry of this.#open) if (entry.state.kind === "queued") this.#withdraw(entry, reason);
  }

  /** Takes work again, unless it drains. */
  accept(): void {
    if (this.#drained !== undefined) return;
    this.#refusal = undefined;
    this.#hopeless = false;
  }

  /**
   * Refuses new work; resolves when all that was admitted is settled, at the latest after `graceMs`. The same
   * promise every time.
   */
  drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    return this.#drained;
  }

  async #drain(graceMs: number): Promise<void> {
    const reason = new ShoalError(
      "DRAINING",
      `Cannot run a request on "${this.#options.deployment}": it is shutting down`,
    );
    this.#refusal ??= reason;
    if (this.#open.size > 0) {
      const idle = Promise.withResolvers<void>();
      this.#onIdle = idle.resolve;
      const timer = this.#options.clock.timer(graceMs, idle.resolve);
      await idle.promise;
      timer.cancel();
    }
    this.#hopeless = true;
    for (const entry of this.#open) this.#withdraw(entry, reason);
    this.#waitTimer?.cancel();
    this.#sweep?.timer.cancel();
  }

  #askTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    (this.#options.afterTurn ?? setImmediate)(() => {
      this.#turnAsked = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    this.#waitTimer?.cancel();
    this.#waitTimer = undefined;
    const usable = this.#slots.some((slot) => slot.lost)
      ? this.#slots.filter((slot) => !slot.lost)
      : this.#slots;
    for (let head = this.#queue.head; head !== undefined; head = this.#queue.head) {
      const nowMs = this.#options.clock.nowMs();
      const { queuedMs: headQueuedMs, alone: headAlone, suspect: headSuspect } = head;
      const waiting = { headRows: this.#queue.headRows, headQueuedMs, headAlone, headSuspect };
      const decision = decide(waiting, usable, { policy: this.#policy, nowMs });
      if (decision.kind === "full") return;
      if (decision.kind === "wait") {
        this.#waitTimer = this.#options.clock.timer(decision.untilMs - nowMs, () => this.#dispatch());
        return;
      }
      this.#send(decision.slot, this.#queue.take({ rows: decision.rows, requests: decision.requests }));
    }
  }

  #send(slot: Slot, entries: Entry[]): void {
    const batch = new Batch(entries, this.#options.clock.nowMs());
    const [only] = entries;
    slot.batches.push(batch);
    slot.ongoingRequests += entries.length;
    slot.reserved = only?.suspect === true;
    const outcome =
      only?.work.kind === "fetch" ? this.#carry(only.work.carry(slot.link)) : slot.link.send(batch);
    void outcome.then((settled) => {
      slot.batches.splice(slot.batches.indexOf(batch), 1);
      slot.ongoingRequests -= entries.length;
      slot.reserved = false;
      this.#receive(batch, settled, slot);
      this.#askTurn();
    });
  }

  /** A web request's answer goes straight to its client; what is left for us is whether it did. */
  async #carry(carried: Promise<void>): Promise<BatchOutcome> {
    try {
      await carried;
      return { kind: "done", outputs: [], computeNs: [0, 0, 0] };
    } catch (thrown) {
      if (thrown instanceof NotDelivered) return { kind: "lost", error: thrown.error, delivered: false };
      const error = asShoalError(thrown);
      return error.code === "REPLICA_DIED"
        ? { kind: "lost", error, delivered: true }
        : { kind: "failed", error };
    }
  }

  #receive(batch: Batch, outcome: BatchOutcome, slot: Slot): void {
    if (outcome.kind === "done") {
      this.#answer(batch, outcome);
      return;
    }
    if (outcome.kind === "lost") {
      slot.lost = true; // invariant 4
      // One that was removed is replaced already, perhaps under the same id.
      if (this.#slots.includes(slot)) this.#options.onLost?.(slot.link.id, outcome.error);
    }
    const nowMs = this.#options.clock.nowMs();
    // From the youngest on, each before the last: they keep their order.
    for (const entry of batch.entries.toReversed()) {
      if (entry.state.kind === "settled") continue;
      const { suspect, returns } = entry;
      const known = { requests: batch.entries.length, suspect, returns };
      const aftermath = afterUnanswered(outcome, known, {
        // A body that went to a replica is spent: it cannot be sent again.
        idempotent: this.#policy.idempotent && entry.work.kind === "infer",
      });
      if (entry.deadlineMs <= nowMs) {
        this.#settle(entry, this.#tooLate(entry, nowMs));
        continue;
      }
      if (aftermath === "fail" || this.#hopeless) {
        this.#settle(entry, outcome.error);
        continue;
      }
      entry.returns++;
      if (aftermath === "requeue-alone") {
        entry.alone = true;
        entry.suspect ||= outcome.kind === "lost";
      }
      entry.markQueued(nowMs);
      this.#queue.pushFront(entry);
    }
  }

  #answer(batch: Batch, { outputs, computeNs, release }: Extract<BatchOutcome, { kind: "done" }>): void {
    const { entries, rows } = batch;
    const nowMs = this.#options.clock.nowMs();
    // How long a web answer streams says nothing about when there is room again.
    const fetched = entries[0]?.work.kind === "fetch";
    if (!fetched) this.#rowMs += 0.05 * ((nowMs - batch.sentMs) / Math.max(1, rows) - this.#rowMs);
    let parts: Tensor[][] | undefined;
    try {
      if (entries.length > 1) {
        const counts = entries.map((entry) => entry.rows);
        parts = outputs.map((output) => splitRows(output, counts));
      }
    } catch (thrown) {
      // The model does not keep the batch axis: alone, each gets what the model gives.
      const error = new ShoalError(
        "ENGINE_FAILED",
        `The outputs of "${this.#options.deployment}" do not have a row per input row`,
        { cause: thrown },
      );
      for (const entry of entries.toReversed()) this.#requeueAlone(entry, error);
      return;
    }
    this.stats.countBatch(rows, computeNs);
    const [computeInputNs, computeInferNs, computeOutputNs] = computeNs;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index];
      if (entry === undefined || entry.state.kind === "settled") continue;
      const queueNs = Math.round((batch.sentMs - entry.admittedMs) * 1e6);
      const timings = { queueNs, computeInputNs, computeInferNs, computeOutputNs, batchRows: rows };
      const own = parts === undefined ? outputs : parts.flatMap((part) => part[index] ?? []);
      this.stats.countSuccess(entry.rows, (nowMs - entry.admittedMs) * 1e6, queueNs);
      this.stats.countCompute(computeNs);
      const mine = release !== undefined && entries.length === 1;
      this.#settle(entry, mine ? { outputs: own, timings, release } : { outputs: own, timings });
    }
    this.stats.lastInferenceMs = this.#options.clock.epochMs();
  }

  #requeueAlone(entry: Entry, error: ShoalError): void {
    if (entry.state.kind === "settled") return;
    if (this.#hopeless) {
      this.#settle(entry, error);
      return;
    }
    entry.alone = true;
    entry.markQueued(this.#options.clock.nowMs());
    this.#queue.pushFront(entry);
  }

  /** Takes an entry out of wherever it is. */
  #withdraw(entry: Entry, reason: ShoalError): void {
    if (entry.state.kind === "settled") return;
    if (entry.state.kind === "queued") this.#queue.remove(entry);
    else entry.state.batch.release();
    this.#settle(entry, reason);
  }

  #settle(entry: Entry, outcome: InferResult | ShoalError): void {
    if (outcome instanceof Error) {
      this.stats.countFailure((this.#options.clock.nowMs() - entry.admittedMs) * 1e6);
    }
    if (!entry.settle(outcome)) return;
    this.#open.delete(entry);
    if (this.#open.size === 0) this.#onIdle?.();
  }

  /** Makes sure that deadlines are looked at by `deadlineMs`. */
  #sweepBy(deadlineMs: number): void {
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    if (this.#sweep !== undefined) {
      if (this.#sweep.atMs <= deadlineMs) return;
      this.#sweep.timer.cancel();
    }
    const delayMs = Math.max(SWEEP_INTERVAL_MS, deadlineMs - this.#options.clock.nowMs());
    const timer = this.#options.clock.timer(delayMs, () => this.#expire());
    this.#sweep = { atMs: deadlineMs, timer };
  }

  #expire(): void {
    this.#sweep = undefined;
    const nowMs = this.#options.clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#open) {
      if (entry.deadlineMs > nowMs) nextMs = Math.min(nextMs, entry.deadlineMs);
      else this.#withdraw(entry, this.#tooLate(entry, nowMs));
    }
    this.#sweepBy(nextMs);
  }

  #tooLate(entry: Entry, nowMs: number): ShoalError {
    const waitedMs = Math.round(nowMs - entry.admittedMs);
    const where = entry.state.kind === "queued" ? "in the queue" : "at a replica";
    return new ShoalError(
      "DEADLINE_EXCEEDED",
      `Cannot answer a request on "${this.#options.deployment}" in time: its deadline passed after ${waitedMs} ms, ${where}`,
    );
  }
}
