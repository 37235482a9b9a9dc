// What became of the requests of each version, as plain data: counted in every gateway process, added up in the
// controller, where it is decided upon.

import { type LatencyCounts, noLatencies } from "./latency-counts.ts";

/**
 * `answered`; `failed`, which a better version would have answered: an internal error, no answer in time, a full
 * queue; `refused` for what the client sent. Requests that clients left, and those of a drain, count nowhere.
 */
export type VersionOutcome = "answered" | "failed" | "refused";

/** Of the requests that the weights gave to a version: those of rules come from another public. */
export interface VersionTally {
  readonly answered: number;
  readonly failed: number;
  readonly refused: number;
  /** Of those that were answered: from the queue to the answer, or to the beginning of a streamed one. */
  readonly latency: LatencyCounts;
  /** Requests that a rule sent here, whatever became of them. */
  readonly matched: number;
}

export interface ShadowTally {
  readonly same: number;
  readonly different: number;
  /** Answered by one side only: the copy failed. */
  readonly failed: number;
  /** Not made: too many under way, too large, or nothing that can be copied. */
  readonly skipped: number;
  /** The last ones, oldest first. */
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly epochMs: number;
  /** One line for people: which output, where, what was found and what was expected. */
  readonly what: string;
}

/** What one gateway process saw of one application since it last told. By deployment. */
export interface TrafficReport {
  readonly versions: Readonly<Record<string, VersionTally>>;
  readonly shadows: Readonly<Record<string, ShadowTally>>;
}

const MAX_DIFFERENCES = 8;

export const noRequests = (): VersionTally => ({
  answered: 0,
  failed: 0,
  refused: 0,
  latency: noLatencies(),
  matched: 0,
});

export const noCopies = (): ShadowTally => ({
  same: 0,
  different: 0,
  failed: 0,
  skipped: 0,
  differences: [],
});

export function addTallies(a: VersionTally, b: VersionTally): VersionTally {
  return {
    answered: a.answered + b.answered,
    failed: a.failed + b.failed,
    refused: a.refused + b.refused,
    latency: a.latency.map((count, bucket) => count + (b.latency[bucket] ?? 0)),
    matched: a.matched + b.matched,
  };
}

export function addCopies(a: ShadowTally, b: ShadowTally): ShadowTally {
  return {
    same: a.same + b.same,
    different: a.different + b.different,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    differences: [...a.differences, ...b.differences].slice(-MAX_DIFFERENCES),
  };
}

/** Requests that say something about the version. */
export function totalOf({ answered, failed, refused }: VersionTally): number {
  return answered + failed + refused;
}

export function addReports(a: TrafficReport, b: TrafficReport): TrafficReport {
  return {
    versions: joined(a.versions, b.versions, addTallies),
    shadows: joined(a.shadows, b.shadows, addCopies),
  };
}

function joined<Tally>(
  a: Readonly<Record<string, Tally>>,
  b: Readonly<Record<string, Tally>>,
  add: (a: Tally, b: Tally) => Tally,
): Record<string, Tally> {
  const both = { ...a };
  for (const [name, tally] of Object.entries(b)) {
    const before = both[name];
    both[name] = before === undefined ? tally : add(before, tally);
  }
  return both;
}
