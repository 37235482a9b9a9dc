// What a scaling scenario is, and what it finds; plain data.

import type { Report, Scenario as Base } from "../scenarios/scenario.ts";
import type { Seen } from "./requests-seen.ts";
import type { Stage } from "./stage.ts";

export type Scenario = Base<Stage>;

export interface ScenarioReport extends Report {
  /** Of all requests of all its loads. */
  readonly seen: Seen;
  /** Fewest and most replicas that ran, as far as anybody looked. */
  readonly replicas: readonly [number, number];
  /** The autoscaler's decisions in which the target changed, the oldest first. */
  readonly decisions: readonly string[];
}
