// The command line that the scenario commands share: names of scenarios, `--quick`, `--json`, and whole numbers of their own.

import { parseArgs } from "node:util";

export interface NumberOption {
  /** As on the command line, without the dashes. */
  readonly name: string;
  readonly help: string;
  readonly least: number;
  readonly most: number;
  readonly fallback: () => number;
}

export interface CommandLine<Played extends Named, Settings> {
  /** `npm run <command>`. */
  readonly command: string;
  /** A paragraph: what is done. */
  readonly about: string;
  readonly scenarios: readonly Played[];
  readonly numbers: readonly NumberOption[];
  /** From the numbers to what a scenario is played with. */
  readonly settings: (read: (option: NumberOption) => number) => Settings;
}

export interface Options<Played, Settings> {
  readonly scenarios: readonly Played[];
  /** Seconds instead of minutes. */
  readonly quick: boolean;
  readonly json: boolean;
  readonly settings: Settings;
}

interface Named {
  readonly name: string;
  readonly title: string;
}

export const ANY_SEED = { name: "seed", least: 0, most: 2 ** 31 } as const;

export function helpOf<Played extends Named, Settings>(line: CommandLine<Played, Settings>): string {
  const { command, about, scenarios, numbers } = line;
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  const option = (name: string, help: string): string => `  ${name.padEnd(15)}${help}`;
  return [
    `Usage: npm run ${command} -- [options] [scenario …]`,
    "",
    `${about} All scenarios, one after the other, unless some are named:`,
    "",
    ...scenarios.map(({ name, title }) => `  ${name.padEnd(width)}  ${title}`),
    "",
    option("--quick", "seconds instead of minutes: to see that it works, not for a claim"),
    ...numbers.map(({ name, help }) => option(`--${name} <n>`, help)),
    option("--json", "one JSON document instead of the tables"),
    option("--help", "this text"),
    "",
    "Marks: ✓ kept, ✗ broken, ~ a time or a share that was missed and that a busy machine alone can spoil.",
    "Exit codes: 0 every promise was kept, 1 one was not, or a scenario could not be played, 2 bad options.",
  ].join("\n");
}

/** Reads the options, or undefined when help is asked for. Throws an Error that says what was found and wanted. */
export function parseOptions<Played extends Named, Settings>(
  { scenarios: all, numbers, settings }: CommandLine<Played, Settings>,
  args: readonly string[],
): Options<Played, Settings> | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...Object.fromEntries(numbers.map(({ name }) => [name, { type: "string" as const }])),
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const given = new Map(Object.entries(values).map(([name, value]) => [name, String(value)]));
  const scenarios = positionals.length === 0 ? all : positionals.map((wanted) => chosen(wanted, all));
  const { quick, json } = values;
  return { scenarios, quick, json, settings: settings((option) => numberOf(option, given.get(option.name))) };
}

function chosen<Played extends Named>(wanted: string, all: readonly Played[]): Played {
  const found = all.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new Error(`Cannot play "${wanted}": wanted some of ${all.map(({ name }) => name).join(", ")}`);
}

function numberOf({ name, least, most, fallback }: NumberOption, given: string | undefined): number {
  if (given === undefined) return fallback();
  const number = Number(given);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new Error(`Cannot use --${name} "${given}": wanted a whole number from ${least} to ${most}`);
}
