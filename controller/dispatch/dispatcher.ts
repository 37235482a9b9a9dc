// Requests → batches → replicas, for one deployment: what is admitted is queued (`queue.ts`), bound to replicas and answered
// (`runner.ts`), by decisions that are functions (`planner.ts`); what is open is settled in time (`ledger.ts`).
//
// 1. The queue is bounded and a refusal is immediate.
// 2. A request that was admitted settles: with its result, with its own failure, or when its deadline passes.
// 3. A batch is bound to a replica at the moment there is room, never before.
// 4. A replica that lost a batch gets no other until it is restored.

import { type Clock, ShoalError } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import type { LatencyModel } from "../latency-model/index.ts";
import { Arrivals } from "./arrivals.ts";
import { Ejector, type Ejection, type OutlierCount } from "./ejector.ts";
import { Entry } from "./entry.ts";
import { Intake } from "./intake.ts";
import { Ledger, type LoadSink } from "./ledger.ts";
import { ArrivalMix } from "./mix.ts";
import { type Claim, type DispatchPolicy, PRIORITIES, weightOf } from "./policy.ts";
import { RequestQueue } from "./queue.ts";
import type { ReplicaLink } from "./replica-link.ts";
import type { Ticket, Work } from "./request.ts";
import { Runner } from "./runner.ts";
import { ServiceRecord } from "./service-record.ts";
import type { Slot } from "./slot.ts";
import { SlotPool } from "./slot-pool.ts";
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
  /** Told when a replica gets no batch for a while because of what became of those it had. */
  readonly onEjected?: (ejection: Ejection) => void;
  /** Hears of the load: arrivals, refused ones too, what is open, how it ends. */
  readonly load?: LoadSink;
}

export class Dispatcher {
  readonly stats = new DispatchStats();
  readonly #options: DispatcherOptions;
  #policy: DispatchPolicy;
  readonly #queue = new RequestQueue((tenant) => weightOf(this.#policy, tenant));
  readonly #pool: SlotPool;
  readonly #service = new ServiceRecord();
  readonly #arrivals = new Arrivals();
  readonly #mix = new ArrivalMix();
  readonly #intake: Intake;
  readonly #ledger: Ledger;
  readonly #ejector: Ejector;
  readonly #runner: Runner;
  /** Removed, with something under way there. */
  readonly #leaving = new Map<string, Slot>();
  #refusal: ShoalError | undefined;
  #drained: Promise<void> | undefined;

  constructor(options: DispatcherOptions) {
    const { deployment, policy, clock, load, onLost, afterTurn = setImmediate } = options;
    this.#options = options;
    this.#policy = policy;
    this.#pool = new SlotPool(policy);
    const parts = { queue: this.#queue, pool: this.#pool, service: this.#service, arrivals: this.#arrivals };
    this.#intake = new Intake({ ...parts, mix: this.#mix, deployment });
    this.#ledger = new Ledger({
      deployment,
      clock,
      stats: this.stats,
      load,
      onExpired: (entry, error) => this.#runner.withdraw(entry, error),
    });
    this.#ejector = new Ejector({
      pool: this.#pool,
      clock,
      policy: () => this.#policy.outliers,
      onEjected: options.onEjected,
      onBack: () => this.#runner.ask(),
    });
    this.#runner = new Runner({
      ...parts,
      deployment,
      clock,
      policy: () => this.#policy,
      intake: this.#intake,
      ledger: this.#ledger,
      stats: this.stats,
      ejector: this.#ejector,
      afterTurn: (fire) => void afterTurn(fire),
      onLost,
    });
  }

  /** Requests waiting. */
  get queued(): number {
    return this.#queue.length;
  }

  get queuedRows(): number {
    return this.#queue.rows;
  }

  /** Requests admitted and not settled. */
  get open(): number {
    return this.#ledger.size;
  }

  get policy(): DispatchPolicy {
    return this.#policy;
  }

  /** How long batches take here, learnt from those that ran. */
  get service(): LatencyModel {
    return this.#service.model;
  }

  /** New bounds apply to what is decided from now on; nothing queued is lost. */
  setPolicy(policy: DispatchPolicy): void {
    this.#policy = policy;
    this.#pool.setBounds(policy);
    this.#ejector.review();
    this.#runner.ask();
  }

  /** Why a request with this claim would be refused now, before anything of it is read; undefined when there is room. */
  refusal(claim: Claim = {}): ShoalError | undefined {
    return this.#refusal ?? this.#intake.noRoom(this.#policy, claim, this.#options.clock.nowMs());
  }

  /** Throws what `refusal` says, and counts it as demand that was turned away. */
  check(claim: Claim = {}): void {
    const refusal = this.refusal(claim);
    if (refusal === undefined) return;
    this.#arrive(1, claim);
    this.#turnAway(refusal, claim);
  }

  /** Admits work or throws at once (invariant 1). */
  submit(work: Work, deadlineMs: number): Ticket {
    const nowMs = this.#options.clock.nowMs();
    const rows = work.kind === "infer" ? Math.max(1, work.rows) : 1; // one of no row takes a turn as well
    const { claim = {} } = work;
    this.#checkSize(work);
    this.#arrive(rows, claim);
    const dueMs = Math.min(deadlineMs, nowMs + this.#objectiveOf(work));
    const refusal = this.refusal(claim) ?? this.#refusalOf(work, claim, { rows, dueMs, nowMs });
    if (refusal !== undefined) this.#turnAway(refusal, claim);
    if (this.#queue.length >= this.#policy.maxQueuedRequests) this.#displace(claim, nowMs);
    const { priority = "normal", tenant = "" } = claim;
    const entry = new Entry(work, nowMs, deadlineMs, { band: PRIORITIES.indexOf(priority), tenant, dueMs });
    this.#ledger.add(entry);
    this.#runner.admit(entry);
    return {
      result: entry.result,
      cancel: (reason) => this.#runner.withdraw(entry, reason),
      liftDeadline: () => this.#ledger.liftDeadline(entry),
    };
  }

  addReplica(link: ReplicaLink): void {
    if (this.#pool.usable === 0) this.#runner.served();
    this.#pool.add(link);
    this.#runner.ask();
  }

  /** No new batch goes there; what it has, it may finish. */
  removeReplica(id: string): void {
    const slot = this.#pool.get(id);
    if (slot === undefined) return;
    this.#pool.remove(id);
    this.#ejector.forget(slot);
    this.#ejector.review();
    if (slot.ongoingBatches === 0) return;
    this.#leaving.set(id, slot);
    void slot.whenEmpty().then(() => {
      if (this.#leaving.get(id) === slot) this.#leaving.delete(id);
    });
  }

  /** Replicas that were ejected, now or not long ago. */
  get outliers(): readonly OutlierCount[] {
    return this.#ejector.counts();
  }

  /** Replicas that lost a batch and wait to be restored. */
  get lost(): readonly string[] {
    return this.#pool.lost;
  }

  /** Resolves when nothing is under way at a replica that was removed. */
  async vacated(id: string): Promise<void> {
    await this.#leaving.get(id)?.whenEmpty();
  }

  /** Ends the ban of invariant 4. */
  restore(id: string): void {
    const slot = this.#pool.get(id);
    if (slot?.lost !== true) return;
    if (this.#pool.usable === 0) this.#runner.served();
    this.#pool.setLost(slot, false);
    this.#runner.ask();
  }

  /** Milliseconds since the oldest batch now at a replica was sent; undefined when it has none. */
  busyMs(id: string): number | undefined {
    const [oldest] = this.#pool.get(id)?.batches ?? [];
    return oldest === undefined ? undefined : this.#options.clock.nowMs() - oldest.sentMs;
  }

  /** Refuses new work with `reason` until `accept`, and fails what waits; what is at a replica may finish. */
  refuseAll(reason: ShoalError): void {
    if (this.#drained !== undefined) return;
    this.#refusal = reason;
    this.#runner.hopeless = true;
    for (const entry of this.#ledger.all()) {
      if (entry.state.kind === "queued") this.#runner.withdraw(entry, reason);
    }
  }

  /** Takes work again, unless it drains. */
  accept(): void {
    if (this.#drained !== undefined) return;
    this.#refusal = undefined;
    this.#runner.hopeless = false;
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
    const why = `Cannot run a request on "${this.#options.deployment}": it is shutting down`;
    const reason = new ShoalError("DRAINING", why);
    this.#refusal ??= reason;
    await this.#ledger.whenEmpty(graceMs);
    this.#runner.hopeless = true;
    for (const entry of this.#ledger.all()) this.#runner.withdraw(entry, reason);
    this.#runner.stop();
    this.#ejector.stop();
    this.#ledger.stop();
  }

  #checkSize(work: Work): void {
    const { maxBatchSize } = this.#policy;
    if (work.kind !== "infer" || work.rows <= maxBatchSize) return;
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot run a request on "${this.#options.deployment}": found ${work.rows} rows, wanted at most max_batch_size ${maxBatchSize}`,
    );
  }

  /** How long a whole web request takes is its own matter. */
  #objectiveOf({ kind }: Work): number {
    const { objectiveMs } = this.#policy;
    if (objectiveMs === undefined || kind === "fetch") return Number.POSITIVE_INFINITY;
    return this.#service.objectiveMs(objectiveMs);
  }

  #refusalOf({ kind }: Work, claim: Claim, asked: Parameters<Intake["tooLate"]>[2]): ShoalError | undefined {
    return kind === "fetch" ? undefined : this.#intake.tooLate(this.#policy, claim, asked);
  }

  /** Makes room in a full queue for one that comes before others. */
  #displace(claim: Claim, nowMs: number): void {
    const victim = this.#queue.victimOf(claim);
    if (victim === undefined) return;
    this.stats.displaced++;
    this.#arrivals.ended(true);
    this.#runner.withdraw(victim, this.#intake.displaced(this.#policy, nowMs));
  }

  #arrive(rows: number, { priority = "normal", tenant = "" }: Claim): void {
    const nowMs = this.#options.clock.nowMs();
    this.#arrivals.add(rows, nowMs);
    // Without an objective nothing is forecast.
    if (this.#policy.objectiveMs !== undefined)
      this.#mix.add(PRIORITIES.indexOf(priority), tenant, { rows, nowMs });
    this.#options.load?.arrived(rows, nowMs);
  }

  #turnAway(refusal: ShoalError, claim: Claim): never {
    this.stats.refused++;
    this.#queue.turnedAway(claim);
    this.#arrivals.ended(true);
    this.#options.load?.ended(1, 1, this.#options.clock.nowMs());
    throw refusal;
  }
}
