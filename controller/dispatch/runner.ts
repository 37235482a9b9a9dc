// Binds what waits to replicas, and deals with what comes back.
//
// 1. A batch is bound to a replica at the moment there is room, never before.
// 2. A replica that lost a batch gets no other until it is restored.
// 3. Nobody is shed for an objective that nobody could have met: while there was no replica, or after a replica died.
// 4. Requests that are run again because their replica died or refused them are a share of all; those of a batch that
//    failed as a whole always are, since it was not theirs to fail.

import { type Clock, ShoalError, type Timer } from "../../runtime/base/index.ts";
import { afterUnanswered } from "./aftermath.ts";
import type { Arrivals } from "./arrivals.ts";
import { Batch, type BatchDetails } from "./batch.ts";
import { reasonOf } from "./batch-reason.ts";
import { FAULT_STATUS, resultOf } from "./batch-result.ts";
import { Budget } from "./budget.ts";
import type { Ejector } from "./ejector.ts";
import { type Fit, fitOf, plannedEndMs } from "./company.ts";
import { Entry } from "./entry.ts";
import { Hedger, isCalm } from "./hedger.ts";
import type { Intake } from "./intake.ts";
import type { Ledger } from "./ledger.ts";
import type { Result } from "./outliers.ts";
import { expectedEndMs, planNext } from "./planner.ts";
import type { DispatchPolicy } from "./policy.ts";
import type { RequestQueue } from "./queue.ts";
import { carry } from "./carry.ts";
import type { BatchOutcome } from "./replica-link.ts";
import type { ServiceRecord } from "./service-record.ts";
import type { SlotPool } from "./slot-pool.ts";
import type { Slot } from "./slot.ts";
import { splitOutputs } from "./split-outputs.ts";
import { stanceOf } from "./stance.ts";
import type { DispatchStats } from "./stats.ts";

export interface RunnerParts {
  readonly deployment: string;
  readonly clock: Clock;
  readonly policy: () => DispatchPolicy;
  readonly queue: RequestQueue;
  readonly pool: SlotPool;
  readonly service: ServiceRecord;
  readonly arrivals: Arrivals;
  readonly intake: Intake;
  readonly ledger: Ledger;
  readonly stats: DispatchStats;
  readonly ejector: Ejector;
  readonly afterTurn: (fire: () => void) => void;
  readonly onLost: ((replicaId: string, error: ShoalError) => void) | undefined;
}

type Send = Extract<ReturnType<typeof planNext>, { kind: "send" }>;

/** Of requests, for those that run again after a replica died or refused them. */
const RETRY_SHARE = 0.2;
/** So many may always run again, and twice as many as the replicas can have at once: losing them all loses no request. */
const LEAST_RETRIES = 100;

const SUPERSEDED = new ShoalError("CANCELLED", "The other copy of the request was settled");

export class Runner {
  readonly #parts: RunnerParts;
  readonly #hedger: Hedger;
  readonly #retries = new Budget(RETRY_SHARE, LEAST_RETRIES);
  #turnAsked = false;
  #waitTimer: Timer | undefined;
  /** Nothing will run any more: what comes back unanswered fails. */
  hopeless = false;
  /** When there was a replica again after there was none (invariant 3). */
  #servedSinceMs = Number.NEGATIVE_INFINITY;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
    this.#hedger = new Hedger(parts.clock, parts.service);
  }

  /** A request was admitted. */
  admit(entry: Entry): void {
    const { policy, pool, queue } = this.#parts;
    this.#retries.admit(Math.max(LEAST_RETRIES, 2 * policy().maxOngoingRequests * pool.size));
    this.#hedger.admit(policy());
    queue.push(entry);
    this.ask();
  }

  /** Decides soon, with all that happens in this turn. */
  ask(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#parts.afterTurn(() => {
      this.#turnAsked = false;
      this.#dispatch();
    });
  }

  /** There is a replica where there was none. */
  served(): void {
    this.#servedSinceMs = this.#parts.clock.nowMs();
  }

  /** Takes an entry out of wherever it is. */
  withdraw(entry: Entry, reason: ShoalError): void {
    if (entry.state.kind === "settled") return;
    if (entry.state.kind === "queued") this.#parts.queue.remove(entry);
    else entry.state.batch.release();
    this.#dropTwin(entry);
    this.#parts.ledger.settle(entry, reason);
  }

  stop(): void {
    this.#waitTimer?.cancel();
    this.#hedger.stop();
  }

  #dispatch(): void {
    const { queue, clock, policy } = this.#parts;
    this.#waitTimer?.cancel();
    this.#waitTimer = undefined;
    for (let head = queue.head; head !== undefined; head = queue.head) {
      const nowMs = clock.nowMs();
      const moment = { policy: policy(), nowMs, limitMs: this.#limitOf(head) };
      const decision = planNext(head, this.#parts, moment);
      if (decision.kind === "full") return;
      if (decision.kind === "wait") {
        this.#waitTimer = clock.timer(decision.untilMs - nowMs, () => this.#dispatch());
        return;
      }
      if (decision.kind === "shed") this.#shed(head, nowMs);
      else this.#bind(head, decision, nowMs);
    }
  }

  /** By when an entry is to be answered (invariant 3). */
  #limitOf(entry: Entry): number {
    const excused = entry.begun || entry.returns > 0 || entry.admittedMs < this.#servedSinceMs;
    return excused ? entry.deadlineMs : entry.dueMs;
  }

  #shed(entry: Entry, nowMs: number): void {
    const { stats, arrivals, intake, ledger, policy, queue } = this.#parts;
    stats.shed++;
    arrivals.ended(true);
    queue.remove(entry);
    const waitedMs = Math.round(nowMs - entry.admittedMs);
    const error =
      entry.deadlineMs <= nowMs
        ? ledger.tooLate(entry, nowMs)
        : intake.inVain(policy(), nowMs, `it waited ${waitedMs} ms, and would have been late`);
    ledger.settle(entry, error);
  }

  #bind(head: Entry, { slot, rows, requests, why }: Send, nowMs: number): void {
    const { queue, service, stats, arrivals } = this.#parts;
    const policy = this.#parts.policy();
    const { maxBatchSize, objectiveMs, parallel = false } = policy;
    const planned = Math.max(1, Math.min(rows, queue.rowsLike(head))); // a request may be of no row at all
    const mean = service.model.meanMs(planned);
    const { pace, gate, overloaded } = stanceOf(this.#parts, policy, nowMs);
    const run = {
      startMs: parallel || slot.ongoingBatches === 0 ? nowMs : Math.max(nowMs, slot.freeAtMs),
      rows: planned,
      speed: slot.speedAt(nowMs),
      pace,
      // At overload there is always somebody else who fits.
      gate: overloaded ? Number.POSITIVE_INFINITY : gate,
    };
    const endMs = plannedEndMs(run);
    const fits = (entry: Entry): Fit => fitOf(this.#limitOf(entry), run, endMs);
    const timely = objectiveMs !== undefined && service.known && fits(head) === "fits";
    // What the careful plan did not promise teaches it nothing by being late.
    const promised = timely && this.#limitOf(head) >= plannedEndMs({ ...run, pace: service.model });
    const { taken, dropped } = queue.take(head, {
      rows,
      requests,
      ...(timely ? { fits } : {}),
      ...(mean === undefined ? {} : { rowCost: mean / planned }),
    });
    for (const entry of dropped) this.#shed(entry, nowMs);
    const sum = taken.reduce((total, entry) => total + entry.rows, 0);
    const left = { alike: head.alone ? 0 : queue.rowsLike(head), requests: queue.length };
    const limits = { rows, requests };
    const reason = reasonOf({ entries: taken, rows: sum, decided: why, limits, maxBatchSize, left });
    stats.countSent(reason, taken.length);
    for (let sent = taken.length; sent > 0; sent--) arrivals.ended(false);
    this.#send(slot, taken, { reason, promised });
  }

  #send(slot: Slot, entries: Entry[], details: BatchDetails): void {
    const { pool, clock } = this.#parts;
    const policy = this.#parts.policy();
    const nowMs = clock.nowMs();
    const batch = new Batch(entries, nowMs, details);
    const { rows } = batch;
    const { parallel = false } = policy;
    batch.endsAtMs = expectedEndMs(slot, this.#parts, { rows, nowMs, parallel });
    const beside = parallel && slot.ongoingBatches > 0 ? slot.freeAtMs : Number.POSITIVE_INFINITY;
    slot.freeAtMs = Math.min(beside, batch.endsAtMs);
    const [only] = entries;
    slot.batches.push(batch);
    slot.ongoingRequests += entries.length;
    slot.reserved = only?.suspect === true;
    pool.refresh(slot);
    this.#hedger.watch(batch, {
      policy,
      endsAtMs: batch.endsAtMs,
      copy: (pay) => this.#copy(batch, slot, pay),
    });
    const outcome = only?.work.kind === "fetch" ? carry(only.work.carry(slot.link)) : slot.link.send(batch);
    void outcome.then((settled) => {
      slot.end(batch);
      slot.ongoingRequests -= entries.length;
      slot.reserved = false;
      this.#hedger.answered(batch);
      this.#receive(batch, settled, slot);
      const [next] = slot.batches;
      if (next !== undefined) {
        // It begins now, whenever it was thought to, unless it began long ago beside the other.
        if (!parallel) next.endsAtMs = clock.nowMs() + (this.#parts.service.model.meanMs(next.rows) ?? 0);
        slot.freeAtMs = next.endsAtMs;
      }
      pool.refresh(slot);
      this.ask();
    });
  }

  /** Sends a second copy of the only request of a batch to another replica. */
  #copy(batch: Batch, slow: Slot, pay: () => boolean): void {
    const { pool, arrivals, queue, stats } = this.#parts;
    const [entry] = batch.entries;
    if (
      entry === undefined ||
      entry.original !== undefined ||
      entry.twin?.state.kind === "sent" ||
      entry.state.kind !== "sent" ||
      entry.state.batch !== batch
    )
      return;
    const { best } = pool;
    const calm = isCalm(pool, { turnsAway: arrivals.turnsAway, queued: queue.length });
    if (!calm || best === undefined || best === slow || !pay()) return;
    const twin = new Entry(entry.work, entry.admittedMs, entry.deadlineMs);
    entry.twin = twin;
    twin.original = entry;
    twin.result.catch(() => undefined); // nobody waits for the copy itself
    stats.hedged++;
    this.#send(best, [twin], batch.details);
  }

  #receive(batch: Batch, outcome: BatchOutcome, slot: Slot): void {
    const { pool, clock, onLost, ejector } = this.#parts;
    if (outcome.kind === "done") {
      this.#answer(batch, outcome, slot);
      return;
    }
    const result = outcome.error.code === "CANCELLED" ? this.#givenUp(batch, slot) : resultOf(outcome);
    if (result !== undefined) ejector.note(slot, result);
    if (outcome.kind === "lost") {
      pool.setLost(slot, true); // invariant 2
      // One that was removed is replaced already, perhaps under the same id.
      if (pool.has(slot)) onLost?.(slot.link.id, outcome.error);
      ejector.review();
    }
    const nowMs = clock.nowMs();
    for (const entry of batch.entries) this.#comeBack(entry, batch, { outcome, nowMs });
  }

  /** What it says of a replica that nobody waited any longer. */
  #givenUp(batch: Batch, slot: Slot): Result | undefined {
    const { service, pool, clock, policy } = this.#parts;
    if (batch.entries[0]?.work.kind === "fetch") return undefined;
    const { parallel = false, outliers } = policy();
    const share = service.gaveUp(batch, { slot, pool, nowMs: clock.nowMs(), parallel });
    return share !== undefined && outliers !== undefined && share > outliers.maxLatencyRatio
      ? "slow"
      : undefined;
  }

  #comeBack(
    entry: Entry,
    batch: Batch,
    { outcome, nowMs }: { readonly outcome: Exclude<BatchOutcome, { kind: "done" }>; readonly nowMs: number },
  ): void {
    if (entry.state.kind === "settled") return;
    const { ledger } = this.#parts;
    if (entry.original !== undefined) {
      entry.settle(outcome.error); // a copy: its original goes on
      return;
    }
    const { suspect, returns } = entry;
    const known = { requests: batch.entries.length, suspect, returns };
    const aftermath = afterUnanswered(outcome, known, {
      // A body that went to a replica is spent: it cannot be sent again.
      idempotent: this.#parts.policy().idempotent && entry.work.kind === "infer",
    });
    if (entry.deadlineMs <= nowMs) {
      this.#end(entry, ledger.tooLate(entry, nowMs));
      return;
    }
    const free = outcome.kind === "failed"; // invariant 4
    if (aftermath === "fail" || this.hopeless || !(free || this.#retries.take())) {
      this.#end(entry, outcome.error);
      return;
    }
    entry.returns++;
    if (aftermath === "requeue-alone") entry.suspect ||= outcome.kind === "lost";
    this.#requeue(entry, aftermath === "requeue-alone");
  }

  #answer(
    batch: Batch,
    { outputs, computeNs, release, status = 200 }: Extract<BatchOutcome, { kind: "done" }>,
    slot: Slot,
  ): void {
    const { entries, rows, sentMs } = batch;
    const { clock, stats, service, pool, deployment, ledger, ejector } = this.#parts;
    const nowMs = clock.nowMs();
    let share: number | undefined;
    // How long a web answer streams says nothing about when there is room again.
    if (entries[0]?.work.kind !== "fetch") {
      const [input, infer, output] = computeNs;
      const parallel = this.#parts.policy().parallel === true;
      share = service.observe(batch, { slot, pool, computeNs: input + infer + output, nowMs, parallel });
    }
    if (batch.details.promised) {
      const late = entries.filter((entry) => this.#limitOf(entry) < nowMs).length;
      service.model.reportOutcomes(late, entries.length, nowMs);
    }
    const parts = splitOutputs(deployment, outputs, entries);
    const { maxLatencyRatio = Number.POSITIVE_INFINITY } = this.#parts.policy().outliers ?? {};
    const slow = share !== undefined && share > maxLatencyRatio;
    const failed = parts instanceof Error || status >= FAULT_STATUS;
    ejector.note(slot, failed ? "failed" : slow ? "slow" : "good");
    if (parts instanceof Error) {
      for (const entry of entries) {
        if (entry.state.kind === "settled") continue;
        if (this.hopeless) this.#end(entry, parts);
        else this.#requeue(entry, true);
      }
      return;
    }
    stats.countBatch(rows, computeNs);
    const [computeInputNs, computeInferNs, computeOutputNs] = computeNs;
    const note = { requests: entries.length, rows, reason: batch.details.reason };
    let wanted = false;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index];
      const waiting = entry?.original ?? entry;
      if (entry === undefined || waiting === undefined || waiting.state.kind === "settled") continue;
      const queueNs = Math.round((sentMs - entry.admittedMs) * 1e6);
      const timings = { queueNs, computeInputNs, computeInferNs, computeOutputNs, batchRows: rows };
      wanted = true;
      const result = { outputs: parts[index] ?? [], timings, batch: note };
      stats.countSuccess(entry.rows, (nowMs - entry.admittedMs) * 1e6, queueNs);
      stats.countCompute(computeNs);
      const mine = release !== undefined && entries.length === 1;
      if (waiting === entry) this.#dropTwin(entry);
      else this.#overtake(waiting);
      ledger.settle(waiting, mine ? { ...result, release } : result);
    }
    if (!wanted) release?.();
    stats.lastInferenceMs = clock.epochMs();
  }

  #requeue(entry: Entry, alone: boolean): void {
    const { stats, queue, clock } = this.#parts;
    stats.requeued++;
    entry.alone ||= alone;
    entry.markQueued(clock.nowMs());
    queue.giveBack(entry);
  }

  #end(entry: Entry, error: ShoalError): void {
    this.#dropTwin(entry);
    this.#parts.ledger.settle(entry, error);
  }

  /** The copy was first: the original is given up. */
  #overtake(original: Entry): void {
    this.#parts.stats.hedgesWon++;
    if (original.state.kind === "sent") original.state.batch.release();
    else this.#parts.queue.remove(original);
  }

  #dropTwin({ twin }: Entry): void {
    if (twin === undefined || twin.state.kind !== "sent") return;
    twin.state.batch.release();
    twin.settle(SUPERSEDED);
  }
}
