// The command line of `npm run validate`.

import { ANY_SEED, type CommandLine, type NumberOption } from "../scenarios/command-line.ts";
import { type Workload, WORKLOADS } from "./workloads.ts";

const SEED: NumberOption = { ...ANY_SEED, help: "of arrivals (1)", fallback: () => 1 };

const STRETCH: NumberOption = {
  name: "stretch",
  help: "everything so many times as slow, for a busy machine (1)",
  least: 1,
  most: 100,
  fallback: () => 1,
};

export const COMMAND_LINE: CommandLine<Workload, { seed: number; stretch: number }> = {
  command: "validate",
  about: `Plays the same arrivals on the real server, with replicas that sleep, and in \`shoal simulate\`, and says how far the two
are apart. What the simulator has to know of this machine is measured first, on the idle server, once for all workloads.`,
  scenarios: WORKLOADS,
  numbers: [SEED, STRETCH],
  settings: (read) => ({ seed: read(SEED), stretch: read(STRETCH) }),
};
