// Measures one scenario in rounds: in each, the door, the raw loop and Shoal take turns, and the order moves on
// by one from round to round, so that a machine that slows down or warms up hurts all alike.
//
// 1. What is measured is correct: every answer of a load has status 200, or the measurement fails.

import type { Generator } from "../http/generator.ts";
import type { LoadReport } from "../http/load.ts";
import { encodeRequest } from "../http/message.ts";
import { ENCODINGS, inferRequest } from "./bodies.ts";
import type { RawLoop, Server } from "./processes.ts";
import type { RawLoopReport } from "./raw-loop.ts";
import type { LoadCase, RawCase, Scenario } from "./scenarios.ts";

const WARM_UP_CONNECTIONS = 8;

export type Measurement =
  | {
      readonly kind: "door" | "shoal";
      readonly id: string;
      readonly round: number;
      readonly report: LoadReport;
    }
  | { readonly kind: "raw"; readonly id: string; readonly round: number; readonly report: RawLoopReport };

/** What takes part. */
export interface Contenders {
  readonly generator: Generator;
  readonly door: Server;
  readonly shoal: Server;
  readonly rawLoop: RawLoop;
  /** Path of the model's file. */
  readonly modelPath: string;
}

export interface RoundsOptions {
  readonly rounds: number;
  /** Told before each measurement. */
  readonly onStep: (what: string) => void;
}

export async function measureRounds(
  scenario: Scenario,
  contenders: Contenders,
  { rounds, onStep }: RoundsOptions,
): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  const steps = stepsOf(scenario, contenders);
  for (let round = 0; round < rounds; round++) {
    for (const group of steps) {
      for (const [turn] of group.entries()) {
        const step = group[(turn + round) % group.length];
        if (step === undefined) continue;
        onStep(`round ${round + 1}/${rounds}: ${step.title}`);
        measurements.push(await step.measure(round));
      }
    }
  }
  return measurements;
}

/** Lets both servers compile what they run, so that the first round is like the others. */
export async function warmUp({ model, warmUpMs, loads }: Scenario, contenders: Contenders): Promise<void> {
  if (loads.length === 0) return;
  for (const { target } of [contenders.door, contenders.shoal]) {
    const report = await contenders.generator.run({
      target,
      messages: ENCODINGS.map((encoding) => encodeRequest(inferRequest(model, encoding))),
      connections: WARM_UP_CONNECTIONS,
      amount: { durationMs: warmUpMs, warmUpMs: 0 },
    });
    checkStatuses(report, `the warm-up of ${model.name}`);
  }
}

interface Step {
  readonly title: string;
  readonly measure: (round: number) => Promise<Measurement>;
}

/** Groups of steps that are compared with each other, so they run right behind each other. */
function stepsOf(scenario: Scenario, contenders: Contenders): Step[][] {
  const { rawLoop, modelPath } = contenders;
  const raw = scenario.raws.map(
    (entry: RawCase): Step => ({
      title: entry.id,
      measure: async (round) => {
        const { batch, threads, durationMs, model } = entry;
        const request = { path: modelPath, rowShape: model.rowShape, batch, threads, durationMs };
        return { kind: "raw", id: entry.id, round, report: await rawLoop.ask(request) };
      },
    }),
  );
  const loads = scenario.loads.map((entry) =>
    (["door", "shoal"] as const).map(
      (kind): Step => ({
        title: `${entry.id} (${kind})`,
        measure: async (round) => ({
          kind,
          id: entry.id,
          round,
          report: await load(entry, contenders, kind),
        }),
      }),
    ),
  );
  return [raw, ...loads].filter((group) => group.length > 0);
}

async function load(entry: LoadCase, contenders: Contenders, kind: "door" | "shoal"): Promise<LoadReport> {
  const { durationMs, warmUpMs, connections } = entry;
  const report = await contenders.generator.run({
    target: contenders[kind].target,
    messages: [encodeRequest(inferRequest(entry.model, entry.encoding))],
    connections,
    amount: { durationMs, warmUpMs },
  });
  checkStatuses(report, `${entry.id} (${kind})`);
  return report;
}

/** Invariant 1. */
export function checkStatuses(report: LoadReport, title: string): void {
  const others = Object.keys(report.statuses).filter((status) => status !== "200");
  if (others.length > 0 || report.failed > 0 || report.completed === 0) {
    const { statuses, failed, completed } = report;
    throw new Error(
      `Cannot measure ${title}: found ${JSON.stringify({ statuses, failed, completed })}, wanted nothing but 200`,
    );
  }
}
