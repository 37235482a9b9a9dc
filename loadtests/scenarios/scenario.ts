// What every scenario against the real server is, and what every one finds; plain data. `chaos/` and `scaling/` add to it.

/** Played on a stage: whatever a kind of scenario has to work with. */
export interface Scenario<Stage> {
  /** As on the command line. */
  readonly name: string;
  /** What is done, in a line. */
  readonly title: string;
  /** Serves, puts load on, and says on the stage what it found. */
  run(stage: Stage): Promise<void>;
}

/** Something that Shoal promises, and whether it was so. */
export interface PromiseReport {
  readonly promise: string;
  readonly kept: boolean;
  /** What was found, with figures; may be empty. */
  readonly found: string;
  /** About a time, or about a share that a busy machine alone can spoil. */
  readonly timed: boolean;
}

export interface Report {
  readonly name: string;
  readonly title: string;
  readonly seed: number;
  readonly promises: readonly PromiseReport[];
}

/** Every promise was kept; what took too long counts as well. */
export function isKept({ promises }: Report): boolean {
  return promises.every(({ kept }) => kept);
}
