// The command line of `npm run chaos`.

import { ANY_SEED, type CommandLine, type NumberOption } from "../scenarios/command-line.ts";
import type { Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios/index.ts";

const RATE: NumberOption = {
  name: "rate",
  help: "requests a second, Poisson (100)",
  least: 1,
  most: 10_000,
  fallback: () => 100,
};
const SEED: NumberOption = {
  ...ANY_SEED,
  help: "of arrivals and of what is killed; drawn by default, and told",
  fallback: () => Math.floor(Math.random() * 2 ** 31),
};

export const COMMAND_LINE: CommandLine<Scenario, { ratePerSecond: number; seed: number }> = {
  command: "chaos",
  about: `Starts the real server, puts an open-loop load on it, does something to it, and says of every request what became of
it, and of every promise whether it was kept.`,
  scenarios: SCENARIOS,
  numbers: [RATE, SEED],
  settings: (read) => ({ ratePerSecond: read(RATE), seed: read(SEED) }),
};
