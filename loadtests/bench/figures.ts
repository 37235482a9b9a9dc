// From the rounds to the figures that are claimed, and the targets they are held to. Pure.
//
// 1. A ratio is the median of the ratios within each round, where both sides ran right behind each other; it is
//    not the ratio of two medians.
// 2. A figure without measurements is NaN and meets no target.

import type { BodyCopies, Flatness } from "./memory-scenarios.ts";
import type { Measurement } from "./rounds.ts";
import { ENGINE_THREADS, type LoadCase, type RawCase, type Scenario } from "./scenarios.ts";
import { median, spreadRatio } from "./statistics.ts";

export const TARGETS = {
  /** Share of the door's throughput, 784→256→10 at 64 connections. */
  doorRatio: 0.6,
  /** Above the engine's own time, median at one connection, in milliseconds. */
  latencyOverEngineMs: 0.4,
  /** Share of the raw loop's throughput on as many cores, ResNet-18-shaped. */
  rawRatio: 0.9,
  /** Bodies resident while one is served. */
  bodyCopies: 3,
  /** Growth of the resident memory over 200,000 requests, as a share. */
  growthRatio: 0.05,
} as const;

const MIN_FLAT_REQUESTS = 200_000;

/** One load on the door and on Shoal: medians over the rounds. */
export interface LoadFigure {
  readonly entry: LoadCase;
  readonly doorPerSecond: number;
  readonly shoalPerSecond: number;
  readonly doorRatio: number;
  /** Of the raw loop at batch 1. */
  readonly rawRatio: number;
  readonly doorP50Ms: number;
  readonly shoalP50Ms: number;
  readonly shoalP99Ms: number;
  readonly engineP50Ms: number;
  readonly overEngineMs: number;
  /** How far Shoal's rounds lie apart: (largest - smallest) / median. */
  readonly spreadRatio: number;
}

export interface RawFigure {
  readonly entry: RawCase;
  readonly rowsPerSecond: number;
  readonly p50Ms: number;
}

/** A target and whether it was met. */
export interface Verdict {
  readonly title: string;
  readonly found: number;
  readonly wanted: string;
  readonly unit: "ratio" | "ms" | "count";
  readonly met: boolean;
}

export function loadFigures(
  scenarios: readonly Scenario[],
  measurements: readonly Measurement[],
): LoadFigure[] {
  return scenarios.flatMap(({ loads, model }) =>
    loads.map((entry): LoadFigure => {
      const door = loadReports(measurements, "door", entry.id);
      const shoal = loadReports(measurements, "shoal", entry.id);
      const raw = rawReports(measurements, `${model.name} raw b=1 t=${ENGINE_THREADS}`);
      const shoalRates = shoal.map(({ report }) => report.requestsPerSecond);
      return {
        entry,
        doorPerSecond: median(door.map(({ report }) => report.requestsPerSecond)),
        shoalPerSecond: median(shoalRates),
        doorRatio: medianRatio(shoal, door, ({ report }) => report.requestsPerSecond),
        rawRatio: median(
          pairs(shoal, raw).map(
            ([mine, theirs]) => mine.report.requestsPerSecond / theirs.report.rowsPerSecond,
          ),
        ),
        doorP50Ms: median(door.map(({ report }) => report.latency.p50Ms)),
        shoalP50Ms: median(shoal.map(({ report }) => report.latency.p50Ms)),
        shoalP99Ms: median(shoal.map(({ report }) => report.latency.p99Ms)),
        engineP50Ms: median(raw.map(({ report }) => report.p50Ms)),
        overEngineMs: median(
          pairs(shoal, raw).map(([mine, theirs]) => mine.report.latency.p50Ms - theirs.report.p50Ms),
        ),
        spreadRatio: spreadRatio(shoalRates),
      };
    }),
  );
}

export function rawFigures(
  scenarios: readonly Scenario[],
  measurements: readonly Measurement[],
): RawFigure[] {
  return scenarios.flatMap(({ raws }) =>
    raws.map((entry) => {
      const reports = rawReports(measurements, entry.id).map(({ report }) => report);
      return {
        entry,
        rowsPerSecond: median(reports.map(({ rowsPerSecond }) => rowsPerSecond)),
        p50Ms: median(reports.map(({ p50Ms }) => p50Ms)),
      };
    }),
  );
}

export function loadVerdicts(figures: readonly LoadFigure[]): Verdict[] {
  return figures.flatMap((figure): Verdict[] => {
    const { entry, doorRatio, rawRatio, overEngineMs } = figure;
    const title = `${entry.model.title}, ${entry.encoding}, ${entry.connections === 1 ? "1 connection" : `${entry.connections} connections`}`;
    const verdicts: Verdict[] = [];
    if (entry.model.name === "mlp" && entry.connections === 64) {
      verdicts.push(atLeast(`${title}: share of the door`, doorRatio, TARGETS.doorRatio));
    }
    if (isResnet(entry) && entry.connections === 64) {
      verdicts.push(atLeast(`${title}: share of the raw loop`, rawRatio, TARGETS.rawRatio));
    }
    // To read a megabyte of JSON takes the door alone longer than 0.4 ms; the table shows how long.
    if (entry.connections === 1 && !(isResnet(entry) && entry.encoding === "json")) {
      const wanted = `≤ ${TARGETS.latencyOverEngineMs} ms`;
      const met = overEngineMs <= TARGETS.latencyOverEngineMs;
      verdicts.push({
        title: `${title}: median above engine time`,
        found: overEngineMs,
        wanted,
        unit: "ms",
        met,
      });
    }
    return verdicts;
  });
}

export function bodyVerdict({ copies, bodyBytes }: BodyCopies): Verdict {
  const title = `${bodyBytes / 2 ** 20} MB binary identity: bodies resident`;
  const met = copies <= TARGETS.bodyCopies;
  return { title, found: copies, wanted: `≤ ${TARGETS.bodyCopies}`, unit: "count", met };
}

/** None when there were too few requests to tell growth from warming up. */
export function flatVerdicts({ growthRatio, requests }: Flatness): Verdict[] {
  if (requests < MIN_FLAT_REQUESTS) return [];
  const title = `growth of memory over ${requests.toLocaleString("en-US")} requests`;
  const met = growthRatio <= TARGETS.growthRatio;
  return [{ title, found: growthRatio, wanted: `≤ ${TARGETS.growthRatio * 100} %`, unit: "ratio", met }];
}

function isResnet({ model }: LoadCase): boolean {
  return model.name === "resnet";
}

function atLeast(title: string, found: number, wanted: number): Verdict {
  return { title, found, wanted: `≥ ${wanted * 100} %`, unit: "ratio", met: found >= wanted };
}

type LoadMeasurement = Extract<Measurement, { kind: "door" | "shoal" }>;
type RawMeasurement = Extract<Measurement, { kind: "raw" }>;

function loadReports(
  all: readonly Measurement[],
  kind: LoadMeasurement["kind"],
  id: string,
): LoadMeasurement[] {
  return all.filter((one): one is LoadMeasurement => one.kind === kind && one.id === id);
}

function rawReports(all: readonly Measurement[], id: string): RawMeasurement[] {
  return all.filter((one): one is RawMeasurement => one.kind === "raw" && one.id === id);
}

/** Measurements of the same round beside each other. */
function pairs<A extends Measurement, B extends Measurement>(
  left: readonly A[],
  right: readonly B[],
): [A, B][] {
  return left.flatMap((one) => {
    const other = right.find(({ round }) => round === one.round);
    return other === undefined ? [] : [[one, other] satisfies [A, B]];
  });
}

/** Invariant 1. */
function medianRatio<M extends Measurement>(
  above: readonly M[],
  below: readonly M[],
  of: (one: M) => number,
): number {
  return median(pairs(above, below).map(([mine, theirs]) => of(mine) / of(theirs)));
}
