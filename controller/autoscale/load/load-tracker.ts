// What is asked of one deployment: arrivals, requests under way, and how requests ended. The request path adds, policies read.
//
// 1. Demand is what arrives, refused requests included: shedding must not hide the demand that caused it.
// 2. Memory is constant: rings of a minute in tenths of seconds and of fifteen minutes in seconds, some 70 KiB.
// 3. Adding takes well under a microsecond; sums are made when somebody reads.

import { CountSeries } from "./count-series.ts";
import { dispersionOf } from "./dispersion.ts";
import { StepSeries } from "./step-series.ts";

const FINE = { bucketMs: 100, buckets: 601 } as const;
const FINE_SPAN_MS = 60_000;
const COARSE = { bucketMs: 1_000, buckets: 901 } as const;
/** A rate is over at least so long, so that the first request is not taken for ten a second. */
const SHORTEST_LIFE_MS = 1_000;
const DISPERSION_SECONDS = 60;
/** The newest seconds are what the dispersion is used to judge. */
const DISPERSION_SKIPS = 2;

/** What policies see of the load. Rates are per second, over the newest `windowMs`, at most fifteen minutes. */
export interface LoadReading {
  rowsPerSecond(windowMs: number): number;
  requestsPerSecond(windowMs: number): number;
  /** Requests queued and at replicas, averaged by time. */
  meanOngoing(windowMs: number): number;
  maxOngoing(windowMs: number): number;
  minOngoing(windowMs: number): number;
  /** Share of requests that ended refused, late or failed for want of capacity; 0 when none ended. At most a minute. */
  missedShare(windowMs: number): number;
  /** All of those ever. */
  readonly missed: number;
  /** Since the last arrival, or since tracking began. */
  readonly idleMs: number;
  /** Index of dispersion of the rows per second, at least 1. */
  readonly dispersion: number;
  /** Whole seconds, newest first, with the rows that arrived in each. */
  eachSecond(visit: (rows: number, ageS: number) => void): void;
}

export class LoadTracker implements LoadReading {
  readonly #fineRows = new CountSeries(FINE);
  readonly #fineRequests = new CountSeries(FINE);
  readonly #rows = new CountSeries(COARSE);
  readonly #requests = new CountSeries(COARSE);
  readonly #ended = new CountSeries({ bucketMs: 1_000, buckets: 61 });
  readonly #missedSeries = new CountSeries({ bucketMs: 1_000, buckets: 61 });
  readonly #fineOngoing = new StepSeries(FINE);
  readonly #ongoing = new StepSeries(COARSE);
  #bornMs: number | undefined;
  #nowMs = 0;
  #arrivedMs = 0;
  #missed = 0;
  #dispersion = { second: -1, value: 1 };

  /** Requests arrived, with so many rows together, whatever becomes of them (invariant 1). */
  arrived(rows: number, nowMs: number, requests = 1): void {
    this.#touch(nowMs);
    this.#fineRows.add(rows, nowMs);
    this.#fineRequests.add(requests, nowMs);
    this.#rows.add(rows, nowMs);
    this.#requests.add(requests, nowMs);
    this.#arrivedMs = nowMs;
  }

  /** So many requests are queued or at replicas from now on. */
  ongoing(requests: number, nowMs: number): void {
    this.#touch(nowMs);
    this.#fineOngoing.set(requests, nowMs);
    this.#ongoing.set(requests, nowMs);
  }

  /** Requests ended, `missed` of them refused, late or failed for want of capacity. */
  ended(requests: number, missed: number, nowMs: number): void {
    this.#touch(nowMs);
    this.#ended.add(requests, nowMs);
    if (missed > 0) this.#missedSeries.add(missed, nowMs);
    this.#missed += missed;
  }

  /** Moves the windows to `nowMs`; what is read next is as of then. */
  readAt(nowMs: number): LoadReading {
    this.#touch(nowMs);
    this.#advance();
    return this;
  }

  get missed(): number {
    return this.#missed;
  }

  get idleMs(): number {
    return this.#nowMs - Math.max(this.#arrivedMs, this.#bornMs ?? 0);
  }

  get dispersion(): number {
    this.#advance();
    const second = Math.floor(this.#nowMs / COARSE.bucketMs);
    if (second !== this.#dispersion.second) {
      const lived = second - Math.floor((this.#bornMs ?? 0) / COARSE.bucketMs);
      const counts: number[] = [];
      for (let age = Math.min(DISPERSION_SECONDS + DISPERSION_SKIPS, lived); age > DISPERSION_SKIPS; age--) {
        counts.push(this.#rows.at(age));
      }
      this.#dispersion = { second, value: dispersionOf(counts) };
    }
    return this.#dispersion.value;
  }

  rowsPerSecond(windowMs: number): number {
    this.#advance();
    return this.#rate(windowMs <= FINE_SPAN_MS ? this.#fineRows : this.#rows, windowMs);
  }

  requestsPerSecond(windowMs: number): number {
    this.#advance();
    return this.#rate(windowMs <= FINE_SPAN_MS ? this.#fineRequests : this.#requests, windowMs);
  }

  meanOngoing(windowMs: number): number {
    return this.#ongoingOver(windowMs).mean(windowMs);
  }

  maxOngoing(windowMs: number): number {
    return this.#ongoingOver(windowMs).max(windowMs);
  }

  minOngoing(windowMs: number): number {
    return this.#ongoingOver(windowMs).min(windowMs);
  }

  missedShare(windowMs: number): number {
    this.#advance();
    const buckets = Math.ceil(windowMs / this.#ended.bucketMs);
    const ended = this.#ended.sum(buckets);
    return ended === 0 ? 0 : this.#missedSeries.sum(buckets) / ended;
  }

  eachSecond(visit: (rows: number, ageS: number) => void): void {
    this.#advance();
    const lived =
      Math.floor(this.#nowMs / COARSE.bucketMs) - Math.floor((this.#bornMs ?? 0) / COARSE.bucketMs);
    for (let age = 1; age <= Math.min(lived, COARSE.buckets - 1); age++) visit(this.#rows.at(age), age);
  }

  #touch(nowMs: number): void {
    this.#bornMs ??= nowMs;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  #advance(): void {
    for (const series of [this.#fineRows, this.#fineRequests, this.#rows, this.#requests])
      series.advance(this.#nowMs);
    this.#ended.advance(this.#nowMs);
    this.#missedSeries.advance(this.#nowMs);
  }

  #ongoingOver(windowMs: number): StepSeries {
    const series = windowMs <= FINE_SPAN_MS ? this.#fineOngoing : this.#ongoing;
    series.advance(this.#nowMs);
    return series;
  }

  #rate(series: CountSeries, windowMs: number): number {
    const buckets = Math.max(2, Math.ceil(windowMs / series.bucketMs));
    const livedMs = this.#nowMs - (this.#bornMs ?? this.#nowMs);
    const coveredMs = Math.min(series.coveredMs(buckets, this.#nowMs), Math.max(livedMs, SHORTEST_LIFE_MS));
    return (series.sum(buckets) * 1_000) / coveredMs;
  }
}
