// The validation as a library: a workload on the real server and in the simulator, and how far they are apart.

import { Stage, type StageOptions } from "../scaling/stage.ts";
import type { Report } from "../scenarios/scenario.ts";
import { type Calibration, calibrate, showCalibration } from "./calibration.ts";
import { type Figures, gapsOf, meanOf } from "./figures.ts";
import { arrivalsOf, runReal, runSimulated } from "./runs.ts";
import { paceOf, stretched, type Workload } from "./workloads.ts";

export { WORKLOADS } from "./workloads.ts";

export interface ValidationReport extends Report {
  readonly calibration: Calibration;
  readonly real: Figures;
  /** The mean of its runs. */
  readonly simulated: Figures;
  readonly details: readonly string[];
}

/** Runs of the simulator: what chance alone does shows among them. */
const RUNS = { quick: 2, full: 20 };
const QUICK_SECONDS = 6;

export interface ValidationOptions extends StageOptions {
  /** Everything so many times as slow. */
  readonly stretch: number;
}

export type Validate = (workload: Workload, options: ValidationOptions) => Promise<ValidationReport>;

/** Measures the idle server with the first workload, once for all. */
export function validation(): Validate {
  let calibrating: Promise<Calibration> | undefined;
  return async (workload, options) => {
    calibrating ??= calibrate(paceOf(options.stretch).sleep, options);
    return validate(workload, { ...options, calibration: await calibrating });
  };
}

async function validate(
  given: Workload,
  options: ValidationOptions & { readonly calibration: Calibration },
): Promise<ValidationReport> {
  const { quick, seed, calibration, stretch } = options;
  const workload = stretched(quick ? { ...given, seconds: QUICK_SECONDS } : given, stretch);
  const played = { ...paceOf(stretch), timesMs: arrivalsOf(workload, seed) };
  await using stage = await Stage.open(options);
  const { decisions, ...real } = await runReal(stage, workload, played);
  const runs = quick ? RUNS.quick : RUNS.full;
  const all = await runSimulated(stage.folder, workload, { ...played, calibration, runs });
  const simulated = meanOf(all);
  stage.promise("both had the same requests", simulated.sent === real.sent && real.sent > 0, `${real.sent}`);
  for (const { name, kept, found } of gapsOf(real, all)) stage.promise(name, kept, found, { timed: true });
  const { promises } = stage.report(given);
  const { name, title } = given;
  const details = [
    showCalibration(calibration),
    ...decisions.map((line) => `real       ${line}`),
    ...(all[0]?.decisions ?? []).map((line) => `simulated  ${line}`),
  ];
  return { name, title, seed, promises, calibration, real, simulated, details };
}
