// The scaling scenarios as a library: `runScenario(scenario, options)`.

import type { Scenario, ScenarioReport } from "./scenario.ts";
import { Stage, type StageOptions } from "./stage.ts";

export type { Scenario, ScenarioReport } from "./scenario.ts";
export { SCENARIOS } from "./scenarios/index.ts";

/** Rejects when the scenario cannot be played to its end; a promise that is broken is in the report. */
export async function runScenario(scenario: Scenario, options: StageOptions): Promise<ScenarioReport> {
  await using stage = await Stage.open(options);
  await scenario.run(stage);
  return stage.report(scenario);
}
