// `npm run scaling`: the scenarios as a command. See `--help` and loadtests/README.md.

import { parseArgs } from "node:util";
import { runScenario, type Scenario, type ScenarioReport, SCENARIOS } from "./index.ts";
import { isKept, renderReport, renderReports } from "./render.ts";

const HELP = `Usage: npm run scaling -- [options] [scenario …]

Starts the real server with replicas that sleep, puts an open-loop load on it, and says of every promise about load,
replicas and refusals whether it was kept. All scenarios, one after the other, unless some are named:

${SCENARIOS.map(({ name, title }) => `  ${name.padEnd(14)}${title}`).join("\n")}

  --quick        seconds instead of minutes: to see that it works, not for a claim
  --seed <n>     of arrivals (1)
  --json         one JSON document instead of the tables
  --help         this text

Marks: ✓ kept, ✗ broken, ~ a time or a share that was missed and that a busy machine alone can spoil.
Exit codes: 0 every promise was kept, 1 one was not, or a scenario could not be played, 2 bad options.`;

interface Options {
  readonly scenarios: readonly Scenario[];
  readonly quick: boolean;
  readonly json: boolean;
  readonly seed: number;
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    stop.abort(new Error("stopped by a signal"));
    process.once(signal, () => process.exit(130));
  });
}

/** Undefined when help is asked for. Throws an Error that says what was found and wanted. */
function parseOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0 || seed > 2 ** 31) {
    throw new Error(`Cannot use --seed "${values.seed}": wanted a whole number from 0`);
  }
  const scenarios = positionals.map((wanted) => {
    const found = SCENARIOS.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    throw new Error(
      `Cannot play "${wanted}": wanted some of ${SCENARIOS.map(({ name }) => name).join(", ")}`,
    );
  });
  const { quick, json } = values;
  return { scenarios: scenarios.length === 0 ? SCENARIOS : scenarios, quick, json, seed };
}

async function play({ scenarios, json, quick, seed }: Options): Promise<void> {
  const reports: ScenarioReport[] = [];
  for (const scenario of scenarios) {
    if (stop.signal.aborted) break;
    try {
      const report = await runScenario(scenario, { quick, seed, signal: stop.signal });
      reports.push(report);
      process.stderr.write(`${renderReport(report)}\n\n`);
      if (!isKept(report)) process.exitCode = 1;
    } catch (error) {
      process.stderr.write(`${scenario.name}: ${messageOf(error)}\n\n`);
      process.exitCode = 1;
    }
  }
  process.stdout.write(`${json ? JSON.stringify(reports, undefined, 2) : renderReports(reports)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) process.stdout.write(`${HELP}\n`);
  else await play(options);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 2;
}
