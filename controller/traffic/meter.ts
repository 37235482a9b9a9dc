// A gateway process's own counting for one application: what the request path adds to, and `take` hands over.

import { bucketOf, noLatencies } from "./latency-counts.ts";
import {
  type Difference,
  noCopies,
  noRequests,
  type VersionOutcome,
  type ShadowTally,
  type TrafficReport,
  type VersionTally,
} from "./tally.ts";
import type { TrafficTable } from "./table.ts";

type Counting<Tally> = { -readonly [Key in keyof Tally]: Tally[Key] extends number ? number : Tally[Key] };

interface VersionCount extends Omit<Counting<VersionTally>, "latency"> {
  latency: number[];
}

interface ShadowCount extends Omit<Counting<ShadowTally>, "differences"> {
  differences: Difference[];
}

/** What a copy came to. */
export type CopyOutcome = "same" | "different" | "failed" | "skipped";

const MAX_DIFFERENCES = 8;

export class Meter {
  readonly #names: readonly string[];
  #versions: VersionCount[];
  #shadows: ShadowCount[];
  /** By version: copies under way now; not part of what is taken. */
  readonly #ongoing: number[];

  constructor({ versions }: Pick<TrafficTable, "versions">) {
    this.#names = versions.map(({ deployment }) => deployment);
    this.#versions = this.#names.map(counting);
    this.#shadows = this.#names.map(copying);
    this.#ongoing = this.#names.map(() => 0);
  }

  /** One request that the weights gave to a version; `latencyMs` counts when it was answered. */
  count(version: number, outcome: VersionOutcome, latencyMs: number): void {
    const count = this.#versions[version];
    if (count === undefined) return;
    count[outcome]++;
    if (outcome !== "answered") return;
    const bucket = bucketOf(latencyMs);
    count.latency[bucket] = (count.latency[bucket] ?? 0) + 1;
  }

  countMatched(version: number): void {
    const count = this.#versions[version];
    if (count !== undefined) count.matched++;
  }

  countCopy(version: number, outcome: CopyOutcome, difference?: Difference): void {
    const count = this.#shadows[version];
    if (count === undefined) return;
    count[outcome]++;
    if (difference === undefined) return;
    count.differences.push(difference);
    if (count.differences.length > MAX_DIFFERENCES) count.differences.shift();
  }

  /** Takes one of `max` places for copies; false when there is none. */
  enterCopy(version: number, max: number): boolean {
    const ongoing = this.#ongoing[version] ?? max;
    if (ongoing >= max) return false;
    this.#ongoing[version] = ongoing + 1;
    return true;
  }

  leaveCopy(version: number): void {
    this.#ongoing[version] = (this.#ongoing[version] ?? 1) - 1;
  }

  /** What was counted since the last time. */
  take(): TrafficReport {
    const byName = <Tally>(tallies: readonly Tally[]): Record<string, Tally> =>
      Object.fromEntries(this.#names.flatMap((name, index) => pair(name, tallies[index])));
    const report = { versions: byName(this.#versions), shadows: byName(this.#shadows) };
    this.#versions = this.#names.map(counting);
    this.#shadows = this.#names.map(copying);
    return report;
  }
}

const counting = (): VersionCount => ({ ...noRequests(), latency: noLatencies() });
const copying = (): ShadowCount => ({ ...noCopies(), differences: [] });

function pair<Tally>(name: string, tally: Tally | undefined): (readonly [string, Tally])[] {
  return tally === undefined ? [] : [[name, tally]];
}
