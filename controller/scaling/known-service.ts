// What gateways have learnt of a deployment's batches, as one: the line that most batches stand behind.

import type { ServiceTimes } from "../latency-model/index.ts";
import type { ServiceLine } from "../routing/index.ts";

/** A gateway's word counts by its batches, but no longer than for so many: old ones say nothing of now. */
const MOST_BATCHES = 1_000;

export class KnownService implements ServiceTimes {
  readonly #line: Omit<ServiceLine, "batches"> | undefined;

  constructor(lines: readonly ServiceLine[]) {
    this.#line = meanOf(lines);
  }

  meanMs(rows: number): number | undefined {
    return this.#line && this.#line.fixedMs + this.#line.perRowMs * rows;
  }

  predictMs(rows: number): number | undefined {
    const meanMs = this.meanMs(rows);
    return meanMs === undefined || this.#line === undefined ? undefined : meanMs * (1 + this.#line.margin);
  }

  maxRowsWithin(budgetMs: number, limit: number): number {
    const oneMs = this.predictMs(1);
    if (oneMs === undefined || this.#line === undefined || oneMs > budgetMs) return 0;
    const { fixedMs, perRowMs, margin } = this.#line;
    if (perRowMs <= 0) return limit;
    const rows = Math.floor((budgetMs / (1 + margin) - fixedMs) / perRowMs + 1e-9);
    return Math.max(1, Math.min(limit, rows));
  }

  get noise(): number {
    return this.#line?.noise ?? 0;
  }
}

function meanOf(lines: readonly ServiceLine[]): Omit<ServiceLine, "batches"> | undefined {
  const weights = lines.map(({ batches }) => Math.min(batches, MOST_BATCHES));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return undefined;
  const mean = (of: (line: ServiceLine) => number): number =>
    lines.reduce((sum, line, index) => sum + of(line) * (weights[index] ?? 0), 0) / total;
  return {
    fixedMs: mean(({ fixedMs }) => fixedMs),
    perRowMs: mean(({ perRowMs }) => perRowMs),
    margin: mean(({ margin }) => margin),
    noise: mean(({ noise }) => noise),
  };
}
