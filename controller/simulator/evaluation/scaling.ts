// Evaluation of replica counts: replica-seconds at equal attainment, against each rival tuned for the very workload, and against
// the one setting that is best over all; reversals; how soon a step is met.

import { oraclePlan } from "../bounds/bounds.ts";
import { trueCapacity } from "../plant/service-profile.ts";
import { timelineChart } from "../report/result-report.ts";
import type { Chart, Series } from "../report/svg-chart.ts";
import type { ExperimentResult } from "../run/experiment.ts";
import { type Contender, neededBy, runContender, type Scenario } from "../run/scenario.ts";
import { GENERATORS } from "../workload/generators.ts";
import {
  type EvaluationOptions,
  type EvaluationReport,
  seedsUpTo,
  TUNING_SEEDS,
  type Verdict,
} from "./report.ts";
import {
  OBJECTIVE_MS,
  ORACLE,
  OURS,
  rivals,
  type ScalingCase,
  scalingCases,
  scenarioOf,
  START_UP_MS,
} from "./scaling-cases.ts";
import { estimate, pairedRatio } from "./statistics.ts";

/** Of one contender on one workload, means over tuning seeds. */
interface Tried {
  readonly contender: Contender;
  readonly attainment: number;
  readonly replicaSeconds: number;
}

interface CaseResult {
  readonly scaling: ScalingCase;
  readonly tried: readonly Tried[];
  readonly own: readonly ExperimentResult[];
  readonly oracle: readonly ExperimentResult[];
  /** What whole replicas for every second cost, known beforehand. */
  readonly hindsight: readonly number[];
  /** Of the rivals that were best on the tuning seeds the one that is best on the published ones. */
  readonly best: {
    readonly tried: Tried;
    readonly equal: boolean;
    readonly runs: readonly ExperimentResult[];
  };
}

/** Seeds of what varies little from one to the next, or is there for scale only. */
const FEW = 5;
const FINALISTS = 3;
/** Attainment is equal within so much. */
const EQUAL = 0.002;

export async function evaluateScaling({
  seeds,
  progress,
  traces,
}: EvaluationOptions & { readonly traces: readonly string[] }): Promise<EvaluationReport> {
  const results: CaseResult[] = [];
  for (const scaling of await scalingCases(traces)) {
    const result = await evaluateCase(scaling, seeds);
    results.push(result);
    progress(mainRow(result).join("  "));
  }
  const step = await stepReaction(seeds);
  const single = await bestSingle(results, seeds);
  return {
    tables: [
      { title: `Attainment and replica-seconds; ${seeds} seeds`, table: mainTable(results) },
      { title: "Against one fixed setting for all workloads", table: single.table },
      { title: "A step of eight times", table: step.table },
    ],
    verdicts: [...costVerdicts(results), single.verdict, step.verdict, reversalVerdict(results)],
    charts: await chartsOf(results),
  };
}

async function evaluateCase(scaling: ScalingCase, seeds: number): Promise<CaseResult> {
  const { scenario } = scaling;
  const tried: Tried[] = [];
  for (const contender of [OURS, ...rivals()]) tried.push(await tryOut(scenario, contender));
  const own = await runs(scenario, OURS, seeds);
  const hindsight: number[] = [];
  for (const seed of seedsUpTo(seeds)) {
    hindsight.push(oraclePlan(neededBy(scenario, seed), START_UP_MS / 1_000).replicaSeconds);
  }
  return {
    scaling,
    tried,
    own,
    oracle: await runs(scenario, ORACLE, Math.min(seeds, FEW)),
    hindsight,
    best: await bestRival(scenario, { tried, own }),
  };
}

/** The cheapest at equal attainment first; those that attain less come after, by how much they attain. */
function ranked<T extends { readonly attainment: number; readonly replicaSeconds: number }>(
  all: readonly T[],
  wanted: number,
): readonly T[] {
  const equal = ({ attainment }: T): boolean => attainment >= wanted - EQUAL;
  return all.toSorted((a, b) => {
    if (equal(a) !== equal(b)) return equal(a) ? -1 : 1;
    return equal(a) ? a.replicaSeconds - b.replicaSeconds : b.attainment - a.attainment;
  });
}

/** The finalists of the tuning seeds run on the published ones, and the best of them there counts: hindsight, in their favour. */
async function bestRival(
  scenario: Scenario,
  { tried, own }: { readonly tried: readonly Tried[]; readonly own: readonly ExperimentResult[] },
): Promise<CaseResult["best"]> {
  const [ours, ...others] = tried;
  const finals = [];
  for (const rival of ranked(others, ours?.attainment ?? 1).slice(0, FINALISTS)) {
    const all = await runs(scenario, rival.contender, own.length);
    const attainment = meanOf(all, (run) => run.attainment);
    finals.push({ tried: rival, runs: all, attainment, replicaSeconds: estimate(costs(all)).mean });
  }
  const wanted = meanOf(own, (run) => run.attainment);
  const [best] = ranked(finals, wanted);
  if (best === undefined) throw new Error("There is at least one rival");
  return { ...best, equal: best.attainment >= wanted - EQUAL };
}

async function tryOut(scenario: Scenario, contender: Contender): Promise<Tried> {
  let [attainment, replicaSeconds] = [0, 0];
  for (const seed of TUNING_SEEDS) {
    const run = await runContender(scenario, contender, seed);
    attainment += run.attainment / TUNING_SEEDS.length;
    replicaSeconds += run.replicaSeconds / TUNING_SEEDS.length;
  }
  return { contender, attainment, replicaSeconds };
}

async function runs(scenario: Scenario, contender: Contender, seeds: number): Promise<ExperimentResult[]> {
  const all: ExperimentResult[] = [];
  for (const seed of seedsUpTo(seeds)) all.push(await runContender(scenario, contender, seed));
  return all;
}

const costs = (all: readonly ExperimentResult[]): number[] => all.map(({ replicaSeconds }) => replicaSeconds);

function mainTable(results: readonly CaseResult[]): EvaluationReport["tables"][number]["table"] {
  return {
    columns: [
      "workload",
      "hindsight",
      "oracle",
      "shoal",
      "best rival, tuned for it",
      "its setting",
      "shoal ÷ rival (95 %)",
      "turns: shoal, oracle, rival",
    ],
    rows: results.map(mainRow),
  };
}

function mainRow({ scaling, own, oracle, hindsight, best }: CaseResult): string[] {
  const cell = (all: readonly ExperimentResult[]): string =>
    `${(100 * meanOf(all, (run) => run.attainment)).toFixed(2)} @ ${thousands(estimate(costs(all)).mean)}`;
  const ratio = pairedRatio(costs(own), costs(best.runs));
  const turns = [own, oracle, best.runs].map((all) => meanOf(all, (run) => run.reversals).toFixed(0));
  return [
    scaling.scenario.name + (scaling.heldOut ? " (hold-out)" : ""),
    thousands(estimate(hindsight).mean),
    cell(oracle),
    cell(own),
    cell(best.runs),
    best.tried.contender.name + (best.equal ? "" : " (fewer in time)"),
    `${ratio.mean.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`,
    turns.join(", "),
  ];
}

function costVerdicts(results: readonly CaseResult[]): Verdict[] {
  const smooth = results.filter(({ scaling }) => scaling.smooth);
  const ratios = smooth.map(({ own, best }) => pairedRatio(costs(own), costs(best.runs)).mean);
  return [
    {
      target: "≥ 15 % fewer replica-seconds than the best rival tuned per workload, smooth traces",
      measured: smooth
        .map(({ scaling }, index) => `${scaling.scenario.name} ${signed((ratios[index] ?? 1) - 1)}`)
        .join(", "),
      reached: ratios.every((ratio) => ratio <= 0.85),
    },
  ];
}

/** The setting that is cheapest over all workloads among those that answer as many in time; else the one that answers most. */
async function bestSingle(
  results: readonly CaseResult[],
  seeds: number,
): Promise<{ readonly table: EvaluationReport["tables"][number]["table"]; readonly verdict: Verdict }> {
  const count = results[0]?.tried.length ?? 0;
  const overall = Array.from({ length: count }, (_, index) => {
    const all = results.flatMap(({ tried }) => tried[index] ?? []);
    const relative = results.map(
      ({ tried }) => (tried[index]?.replicaSeconds ?? 1) / (tried[0]?.replicaSeconds ?? 1),
    );
    return {
      contender: all[0]?.contender ?? OURS,
      attainment: meanOf(all, (one) => one.attainment),
      worst: Math.min(...all.map(({ attainment }) => attainment)),
      cost: Math.exp(relative.reduce((sum, ratio) => sum + Math.log(ratio), 0) / relative.length),
    };
  });
  const [ours, ...others] = overall;
  const equals = others.filter(({ attainment }) => attainment >= (ours?.attainment ?? 1) - 5 * EQUAL);
  const chosen =
    equals.length > 0
      ? equals.reduce((best, one) => (one.cost < best.cost ? one : best))
      : others.reduce((best, one) => (one.attainment > best.attainment ? one : best));
  const ratios: number[] = [];
  const attained: number[] = [];
  for (const { scaling, own } of results) {
    const theirs = await runs(scaling.scenario, chosen.contender, Math.min(seeds, FEW));
    ratios.push(Math.log(pairedRatio(costs(theirs), costs(own)).mean));
    attained.push(meanOf(theirs, (run) => run.attainment));
  }
  const factor = Math.exp(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length);
  const top = others.toSorted((a, b) => b.attainment - a.attainment).slice(0, 8);
  return {
    table: {
      columns: ["setting", "mean attainment", "worst workload", "replica-seconds ÷ shoal's (geometric mean)"],
      rows: [...(ours === undefined ? [] : [ours]), ...new Set([chosen, ...top])].map((one) => [
        one.contender.name,
        `${(100 * one.attainment).toFixed(2)} %`,
        `${(100 * one.worst).toFixed(2)} %`,
        one.cost.toFixed(2),
      ]),
    },
    verdict: {
      target: "≥ 2× fewer replica-seconds than any single fixed setting over all workloads",
      measured: `${chosen.contender.name} takes ${factor.toFixed(2)}× as many and answers ${(100 * meanOf(attained, (one) => one)).toFixed(2)} % in time against ${(
        100 *
          meanOf(
            results.flatMap(({ own }) => own),
            (run) => run.attainment,
          )
      ).toFixed(2)} %`,
      reached: factor >= 2,
    },
  };
}

/** Start-ups all take the same time here, so that what is measured is the policy's part. */
async function stepReaction(
  seeds: number,
): Promise<{ readonly table: EvaluationReport["tables"][number]["table"]; readonly verdict: Verdict }> {
  const seconds = 900;
  const rows: string[][] = [];
  const worst: number[] = [];
  for (const perSecond of [20, 60, 180]) {
    const scenario: Scenario = {
      ...scenarioOf({
        name: "step",
        seconds,
        arrivals: (random) => GENERATORS.step({ perSecond, seconds, random }),
      }),
      trouble: { startUpNoise: 0 },
    };
    let needed = 1;
    while (trueCapacity(scenario.profile, needed, OBJECTIVE_MS) < 8 * perSecond) needed++;
    const contender: Contender =
      OURS.scaling.kind === "policy"
        ? { ...OURS, scaling: { ...OURS.scaling, bounds: { min: 1, max: 200, initial: 4 } } }
        : OURS;
    const delays: number[] = [];
    for (const seed of seedsUpTo(Math.min(seeds, FEW))) {
      const { fleet } = await runContender(scenario, contender, seed);
      const met = fleet.find(({ atMs, ready }) => atMs >= (seconds / 3) * 1_000 && ready >= needed);
      delays.push(met === undefined ? Number.POSITIVE_INFINITY : met.atMs / 1_000 - seconds / 3);
    }
    delays.sort((a, b) => a - b);
    const [median = Number.NaN, last = Number.NaN] = [delays[Math.floor(delays.length / 2)], delays.at(-1)];
    worst.push(last);
    rows.push([
      `${perSecond} → ${8 * perSecond} req/s`,
      String(needed),
      `${median.toFixed(1)} s`,
      `${last.toFixed(1)} s`,
    ]);
  }
  const limit = START_UP_MS / 1_000 + 1;
  return {
    table: { columns: ["step", "replicas needed", "ready after, median", "the slowest"], rows },
    verdict: {
      target: "step ×8 met within start-up + 1 s",
      measured: `start-up 10 s; the slowest of all runs ${Math.max(...worst).toFixed(1)} s`,
      reached: Math.max(...worst) <= limit,
    },
  };
}

function reversalVerdict(results: readonly CaseResult[]): Verdict {
  const beyond = results.filter(
    ({ own, oracle }) => meanOf(own, (run) => run.reversals) > 2 * meanOf(oracle, (run) => run.reversals),
  );
  return {
    target: "reversals ≤ 2× the oracle's",
    measured:
      beyond.length === 0
        ? `all ${results.length} workloads; at most ${Math.max(...results.map(({ own }) => meanOf(own, (run) => run.reversals))).toFixed(0)} in a run`
        : beyond.map(({ scaling }) => scaling.scenario.name).join(", "),
    reached: beyond.length === 0,
  };
}

async function chartsOf(results: readonly CaseResult[]): Promise<Record<string, Chart>> {
  const charts: Record<string, Chart> = {};
  for (const { scaling, own, oracle, best, tried } of results) {
    const { scenario } = scaling;
    const shown = [
      { name: "shoal", runs: own.slice(0, 1) },
      { name: best.tried.contender.name, runs: best.runs.slice(0, 1) },
      { name: "oracle", runs: oracle.slice(0, 1) },
    ];
    const title = `Workload ${scenario.name}, objective ${OBJECTIVE_MS / 1_000} s, start-up ${START_UP_MS / 1_000} s`;
    charts[`timeline-${scenario.name}`] = timelineChart(title, shown, neededBy(scenario, 1));
    charts[`cost-${scenario.name}`] = frontChart(title, tried, { own, oracle });
  }
  return charts;
}

/** Every setting of every rival as a dot, beside ours and the oracle. */
function frontChart(
  title: string,
  tried: readonly Tried[],
  {
    own,
    oracle,
  }: { readonly own: readonly ExperimentResult[]; readonly oracle: readonly ExperimentResult[] },
): Chart {
  const families = ["ray", "ray fast", "kpa", "hpa"];
  const point = (all: readonly ExperimentResult[]): [number, number] => [
    estimate(costs(all)).mean,
    100 * meanOf(all, (run) => run.attainment),
  ];
  const rivalSeries = families.map((family): Series => {
    const members = tried.filter(({ contender }) => contender.name.replace(/ \d+$/, "") === family);
    return {
      name: `${family} (target)`,
      kind: "dots",
      points: members.map(({ replicaSeconds, attainment }) => [replicaSeconds, 100 * attainment] as const),
      labels: members.map(({ contender }) => /\d+$/.exec(contender.name)?.[0] ?? ""),
    };
  });
  const low = Math.min(...tried.map(({ attainment }) => 100 * attainment));
  return {
    title,
    subtitle: "a dot for each setting, means of seeds; up is better, left is cheaper",
    panels: [
      {
        x: { label: "replica-seconds (log)", log: true },
        y: {
          label: "answered within the objective, %",
          from: Math.max(0, Math.floor(low / 5) * 5),
          to: 100.5,
        },
        series: [
          { name: "shoal", kind: "dots", points: [point(own)] },
          ...rivalSeries,
          { name: "oracle", kind: "dots", muted: true, points: [point(oracle)] },
        ],
      },
    ],
  };
}

function meanOf<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((sum, one) => sum + of(one), 0) / all.length;
}

function thousands(value: number): string {
  return `${(value / 1_000).toFixed(1)}k`;
}

function signed(share: number): string {
  return `${share <= 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(0)} %`;
}
