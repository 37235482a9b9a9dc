// What a scenario is, and what it finds; plain data.

import type { Seen } from "./requests-seen.ts";
import type { Stage } from "./stage.ts";

export interface Scenario {
  /** As on the command line. */
  readonly name: string;
  /** What is asked of the server, in a line. */
  readonly title: string;
  run(stage: Stage): Promise<void>;
}

/** Something that Shoal promises, and whether it was so. */
export interface PromiseReport {
  readonly promise: string;
  readonly kept: boolean;
  /** What was found, with figures. */
  readonly found: string;
  /** About a time, or about a share that a busy machine alone can spoil. */
  readonly timed: boolean;
}

export interface ScenarioReport {
  readonly name: string;
  readonly title: string;
  readonly seed: number;
  /** Of all requests of all its loads. */
  readonly seen: Seen;
  /** Fewest and most replicas that ran, as far as anybody looked. */
  readonly replicas: readonly [number, number];
  readonly promises: readonly PromiseReport[];
  /** The autoscaler's decisions in which the target changed, the oldest first. */
  readonly decisions: readonly string[];
}
