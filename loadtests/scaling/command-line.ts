// The command line of `npm run scaling`.

import { ANY_SEED, type CommandLine, type NumberOption } from "../scenarios/command-line.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/index.ts";

const SEED: NumberOption = { ...ANY_SEED, help: "of arrivals (1)", fallback: () => 1 };

export const COMMAND_LINE: CommandLine<Scenario, { seed: number }> = {
  command: "scaling",
  about: `Starts the real server with replicas that sleep, puts an open-loop load on it, and says of every promise about load,
replicas and refusals whether it was kept.`,
  scenarios: SCENARIOS,
  numbers: [SEED],
  settings: (read) => ({ seed: read(SEED) }),
};
