// `npm run chaos`: the scenarios as a command. See `--help` and loadtests/README.md.

import { runScenario, type ScenarioReport, SCENARIOS } from "./index.ts";
import { type ChaosOptions, helpOf, parseOptions } from "./options.ts";
import { isKept, renderReport, renderReports } from "./render.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    stop.abort(new Error("stopped by a signal"));
    process.once(signal, () => process.exit(130));
  });
}

async function play({ scenarios, json, ...options }: ChaosOptions): Promise<void> {
  const reports: ScenarioReport[] = [];
  for (const scenario of scenarios) {
    if (stop.signal.aborted) break;
    try {
      const report = await runScenario(scenario, { ...options, signal: stop.signal });
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

function optionsOf(args: readonly string[]): ChaosOptions | undefined {
  try {
    const options = parseOptions(args, SCENARIOS);
    if (options === undefined) process.stdout.write(`${helpOf(SCENARIOS)}\n`);
    return options;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = optionsOf(process.argv.slice(2));
if (options !== undefined) await play(options);
