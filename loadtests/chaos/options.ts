// The command line of `npm run chaos`.

import { parseArgs } from "node:util";
import type { Scenario } from "./scenario.ts";

export interface ChaosOptions {
  readonly scenarios: readonly Scenario[];
  readonly quick: boolean;
  readonly json: boolean;
  readonly ratePerSecond: number;
  readonly seed: number;
}

export const DEFAULT_RATE = 100;

export function helpOf(scenarios: readonly Scenario[]): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  return `Usage: npm run chaos -- [options] [scenario …]

Starts the real server, puts an open-loop load on it, does something to it, and says of every request what became of
it, and of every promise whether it was kept. All scenarios, one after the other, unless some are named:

${scenarios.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`).join("\n")}

  --quick        seconds instead of minutes: to see that it works, not for a claim
  --rate <n>     requests a second, Poisson (${DEFAULT_RATE})
  --seed <n>     of arrivals and of what is killed; drawn by default, and told
  --json         one JSON document instead of the tables
  --help         this text

Exit codes: 0 every promise was kept, 1 one was not, or a scenario could not be played, 2 bad options.`;
}

/** Reads the options, or undefined when help is asked for. Throws an Error that says what was found and wanted. */
export function parseOptions(args: readonly string[], all: readonly Scenario[]): ChaosOptions | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      rate: { type: "string" },
      seed: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const ratePerSecond = numberOf("--rate", values.rate ?? String(DEFAULT_RATE), { least: 1, most: 10_000 });
  const drawn = String(Math.floor(Math.random() * 2 ** 31));
  const seed = numberOf("--seed", values.seed ?? drawn, { least: 0, most: 2 ** 31 });
  const { quick, json } = values;
  return {
    scenarios: positionals.length === 0 ? all : chosen(positionals, all),
    quick,
    json,
    ratePerSecond,
    seed,
  };
}

function chosen(names: readonly string[], all: readonly Scenario[]): readonly Scenario[] {
  return names.map((wanted) => {
    const found = all.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    throw new Error(`Cannot play "${wanted}": wanted some of ${all.map(({ name }) => name).join(", ")}`);
  });
}

function numberOf(option: string, text: string, { least, most }: { least: number; most: number }): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new Error(`Cannot use ${option} "${text}": wanted a whole number from ${least} to ${most}`);
}
