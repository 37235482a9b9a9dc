// Shoal's own rule: enough replicas for what arrives, at what each gets through within the objective. Described in the README.
//
// 1. Up at once, by the demand of now or by the envelope of the last quarter of an hour; replicas that are starting count.
// 2. Down only to what was needed at every moment of the hold, with a twentieth more head-room than up asks for.
// 3. Never down while a burst is served, on figures older than five seconds, or below the work that is at replicas.
// 4. Nothing known of the service time: the target stays, but for one replica when somebody waits and there is none.
// 5. From none to some with the first arrival, a refused one included; to none when idle for the keep-alive.

import { feasibleRows } from "../../latency-model/index.ts";
import {
  type AutoscalingPolicy,
  clip,
  duration,
  explain,
  figure,
  type ScalingDecision,
  type ScalingSnapshot,
} from "../policy.ts";
import { CapacityCurve } from "./capacity-curve.ts";
import { type Demand, demandOf } from "./demand.ts";
import { Envelope } from "./envelope.ts";
import { HeadRoom } from "./head-room.ts";
import { holdMs, MissesPerStart, RecentMaximum, Regrets } from "./hold.ts";
import { KeepAlive } from "./keep-alive.ts";
import { StepLimit } from "./step-limit.ts";

const REVIEW_MS = 500;
const STALE_MS = 5_000;
/** Where batching gains less than 15 %: there a burst finds no larger batch to go into. */
const CAREFUL_HEAD_ROOM = 0.7;
const BATCHING_PAYS = 1.15;
const DEADBAND = 0.05;
const LARGEST_SCV = 10;

export interface SloPolicyOptions {
  /** From arrival to answer; `latency_slo_ms`. */
  readonly objectiveMs: number;
  /** Share of requests to be answered within it. Default 0.99. */
  readonly attainment?: number;
  /** Part of the objective spent outside the replica. Default 2. */
  readonly overheadMs?: number;
  /** What a missed request is worth, in milliseconds of one replica. Default 50. */
  readonly missCostMs?: number;
  /** Longest time that the last replica stays idle when `min` is 0. Default 600,000. */
  readonly keepAliveMs?: number;
}

/** What was reckoned on the way to a decision. */
interface Reckoning {
  readonly curve: CapacityCurve;
  readonly demand: Demand;
  /** Needed now; `forDown` with the deadband. */
  readonly needed: number;
  readonly forDown: number;
  readonly envelope: number;
}

export class SloPolicy implements AutoscalingPolicy {
  readonly name = "slo";
  readonly #options: Required<SloPolicyOptions>;
  readonly #envelope: Envelope;
  readonly #headRoom: HeadRoom;
  readonly #needed = new RecentMaximum();
  readonly #regrets = new Regrets();
  readonly #misses = new MissesPerStart();
  readonly #keepAlive: KeepAlive;
  readonly #steps = new StepLimit();
  #begun = false;

  constructor(options: SloPolicyOptions) {
    this.#options = {
      objectiveMs: options.objectiveMs,
      attainment: options.attainment ?? 0.99,
      overheadMs: options.overheadMs ?? 2,
      missCostMs: options.missCostMs ?? 50,
      keepAliveMs: options.keepAliveMs ?? 600_000,
    };
    this.#envelope = new Envelope(1 - this.#options.attainment);
    this.#headRoom = new HeadRoom(1 - this.#options.attainment);
    this.#keepAlive = new KeepAlive(this.#options.keepAliveMs);
  }

  /** ε of the envelope, for a status page. */
  get tolerance(): number {
    return this.#envelope.tolerance;
  }

  decide(snapshot: ScalingSnapshot): ScalingDecision {
    const { nowMs, load, target } = snapshot;
    if (!this.#begun) this.#needed.add(target, nowMs); // the initial replicas have their hold too
    this.#begun = true;
    this.#keepAlive.observe(load.idleMs);
    this.#headRoom.observe(load, snapshot);
    this.#misses.observe(load.missed, nowMs);
    const decision =
      snapshot.service.meanMs(1) === undefined ? this.#unmeasured(snapshot) : this.#measured(snapshot);
    const breakEvenMs = holdMs(snapshot.startUpMs, NO_STRETCH);
    this.#regrets.changed(decision.target - target, { nowMs, breakEvenMs });
    if (decision.target > target) {
      this.#misses.started(decision.target - target, load.missed, nowMs + snapshot.startUpMs);
    }
    return decision;
  }

  /** Invariant 4. */
  #unmeasured(snapshot: ScalingSnapshot): ScalingDecision {
    const { target, bounds, load } = snapshot;
    const wanted = this.#isWanted(snapshot);
    if (!wanted && bounds.min === 0 && load.idleMs >= this.#options.keepAliveMs) {
      return this.#decision(snapshot, 0, `no request for ${duration(load.idleMs)}`); // invariant 5
    }
    return this.#decision(snapshot, wanted ? Math.max(1, target) : target, "no service time measured yet");
  }

  #measured(snapshot: ScalingSnapshot): ScalingDecision {
    const { nowMs, target, bounds } = snapshot;
    const reckoning = this.#reckon(snapshot);
    const { curve, needed, forDown, envelope } = reckoning;
    const wanted = Math.max(needed, envelope);
    this.#needed.add(Math.max(forDown, envelope), nowMs);
    const fault = curve.missesObjective
      ? // No measured time in it: it would be another fault, and another decision, with every batch.
        `The objective of ${duration(this.#options.objectiveMs)} is below the time of one row; replicas are counted for three times that time`
      : undefined;
    const rate = this.#rate(reckoning, snapshot);

    if (target === 0 && wanted === 0) return this.#decision(snapshot, 0, "nobody asks", fault);
    const starved = wanted > bounds.max ? `, ${wanted} wanted` : "";
    if (wanted > target) return this.#decision(snapshot, wanted, rate + starved, fault); // invariant 1
    const down = this.#down(snapshot, reckoning);
    if (down.target >= target)
      return this.#decision(snapshot, target, `${rate}${starved}${down.note}`, fault);
    return this.#decision(snapshot, down.target, `${rate}${down.note}`, fault);
  }

  /** As far down as invariants 2, 3 and 5 let it. */
  #down(
    snapshot: ScalingSnapshot,
    { curve, demand, forDown, envelope }: Reckoning,
  ): { target: number; note: string } {
    const { nowMs, measuredMs, target, bounds, load } = snapshot;
    if (nowMs - measuredMs > STALE_MS)
      return { target, note: `, figures ${duration(nowMs - measuredMs)} old` };
    if (demand.burst) return { target, note: ", a burst is served" };
    const working = this.#working(snapshot, curve);
    const hold = holdMs(snapshot.startUpMs, {
      missCostMs: this.#misses.mean * this.#options.missCostMs,
      stretch: this.#regrets.stretch(nowMs),
    });
    const keepAliveMs = this.#keepAlive.keepAliveMs(hold);
    if (bounds.min === 0 && target === 1 && working === 0 && load.idleMs >= keepAliveMs) {
      return { target: 0, note: `, idle for ${duration(load.idleMs)}` };
    }
    const { value, untilMs } = this.#needed.over(hold, nowMs);
    const least = Math.max(value, working, 1);
    const now = Math.max(forDown, envelope, working, 1);
    if (least < target) return { target: least, note: `, no more needed for ${duration(hold)}` };
    if (working >= target) return { target, note: `, ${working} at work` };
    if (now < target)
      return { target, note: `, ${now} would do, held for ${duration(untilMs - nowMs)} more` };
    if (target === 1 && bounds.min === 0) {
      const leftMs = keepAliveMs - load.idleMs;
      return { target, note: leftMs > 0 ? `, none after ${duration(leftMs)} more without a request` : "" };
    }
    return { target, note: "" };
  }

  #reckon(snapshot: ScalingSnapshot): Reckoning {
    const { nowMs, load, ready, bounds, startUpMs, queuedRows } = snapshot;
    const curve = this.#curve(snapshot);
    const rowsInTime = (curve.full(ready) * curve.objectiveMs) / 2_000;
    const spareMs = curve.spareMs(ready);
    const demand = demandOf(load, { queuedRows, rowsInTime, startUpMs, spareMs, headRoom: curve.headRoom });
    const beyond = 2 * bounds.max + 1; // to say what would be wanted
    // What is nobody's any more needs none, though it is still within the slow windows.
    const wanted = this.#isWanted(snapshot);
    const atLeast = (rows: number): number => (wanted ? Math.max(1, curve.smallest(rows, beyond)) : 0);
    const needed = atLeast(demand.rowsPerSecond);
    const forDown = atLeast((demand.rowsPerSecond * curve.headRoom) / (curve.headRoom - DEADBAND));
    const hold = holdMs(startUpMs, NO_STRETCH);
    const envelope = wanted
      ? this.#envelope.replicas(load, curve, { nowMs, startUpMs, holdMs: hold, max: beyond })
      : 0;
    return { curve, demand, needed, forDown, envelope };
  }

  #curve({ service, load, maxBatchRows, batchesAtOnce = 1, gateways = 1 }: ScalingSnapshot): CapacityCurve {
    const { objectiveMs, overheadMs, attainment } = this.#options;
    const gain = (maxBatchRows * (service.meanMs(1) ?? 0)) / (service.meanMs(maxBatchRows) ?? Infinity);
    return new CapacityCurve({
      service,
      objectiveMs,
      maxBatchRows,
      overheadMs,
      gateways,
      batchesAtOnce,
      headRoom: gain < BATCHING_PAYS ? CAREFUL_HEAD_ROOM : this.#headRoom.value,
      lateShare: 1 - attainment,
      arrivalScv: Math.min(LARGEST_SCV, load.dispersion),
    });
  }

  /** Replicas that the work at them needs, packed as full as the objective allows (invariant 3). */
  #working(snapshot: ScalingSnapshot, curve: CapacityCurve): number {
    const {
      service,
      ongoingRows,
      ongoingRequests,
      target,
      maxBatchRows,
      maxOngoingRequests,
      batchesAtOnce = 1,
      gateways = 1,
    } = snapshot;
    const { overheadMs } = this.#options;
    const options = {
      replicas: target * batchesAtOnce,
      objectiveMs: curve.objectiveMs,
      maxRows: maxBatchRows,
      overheadMs,
      gateways,
    };
    const rows = Math.max(1, feasibleRows(service, options)) * batchesAtOnce;
    return Math.max(Math.ceil(ongoingRows / rows), Math.ceil(ongoingRequests / maxOngoingRequests));
  }

  /** Whether anybody asks or has asked within the keep-alive (invariant 5). */
  #isWanted({ load, queuedRequests, ongoingRequests, startUpMs, target }: ScalingSnapshot): boolean {
    if (queuedRequests + ongoingRequests > 0) return true;
    // At none, only what has come just now: an old arrival must not start what was let go.
    const withinMs =
      target === 0 ? 2 * REVIEW_MS : this.#keepAlive.keepAliveMs(holdMs(startUpMs, NO_STRETCH));
    return load.idleMs < withinMs && load.requestsPerSecond(LONGEST_RATE_MS) > 0;
  }

  #rate({ curve, demand, needed, envelope }: Reckoning, { load, target }: ScalingSnapshot): string {
    const rows = load.rowsPerSecond(RATE_MS);
    const perRequest = rows > 0 ? rows / load.requestsPerSecond(RATE_MS) : 1;
    const backlog =
      demand.backlogPerSecond > 0 ? ` and ${figure(demand.backlogPerSecond / perRequest)} of backlog` : "";
    const at = Math.max(1, needed, target);
    const perReplica = curve.full(at) / at / perRequest;
    const capacity = `${figure(perReplica)} per replica at ${figure(curve.objectiveMs)} ms, ${figure(demand.headRoom)} head-room`;
    const bursts =
      envelope > needed
        ? `, ${envelope} to miss ${figure(this.#envelope.tolerance * 100)} % of recent bursts at most`
        : "";
    return `${figure(demand.measuredPerSecond / perRequest)} req/s measured${backlog}, ${capacity}${bursts}`;
  }

  #decision(snapshot: ScalingSnapshot, wanted: number, why: string, fault?: string): ScalingDecision {
    const { nowMs, target, bounds } = snapshot;
    const to = clip(this.#steps.limit(wanted, target, nowMs), bounds);
    const decision = { target: to, explanation: explain(target, to, why), reviewAtMs: nowMs + REVIEW_MS };
    return fault === undefined ? decision : { ...decision, fault };
  }
}

const NO_STRETCH = { missCostMs: 0, stretch: 1 };
const RATE_MS = 10_000;
const LONGEST_RATE_MS = 900_000;
