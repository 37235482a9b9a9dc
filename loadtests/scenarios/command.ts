// A scenario command: reads the options, plays the scenarios one after the other, says what was found. The exit code is 1
// when a promise was broken or a scenario could not be played, 2 when the options are bad. Called by `main.ts` files alone.

import { type CommandLine, helpOf, type Options, parseOptions } from "./command-line.ts";
import { isKept, type Report } from "./scenario.ts";

/** How a kind of scenario is played and shown. */
export interface Play<Played, Settings, Found extends Report> {
  run(scenario: Played, options: Settings & PlayOptions): Promise<Found>;
  /** One scenario, when it has ended. */
  renderReport(report: Found): string;
  /** All of them. */
  renderReports(reports: readonly Found[]): string;
}

interface PlayOptions {
  readonly quick: boolean;
  readonly signal: AbortSignal;
}

interface Named {
  readonly name: string;
  readonly title: string;
}

export async function runCommand<Played extends Named, Settings, Found extends Report>(
  line: CommandLine<Played, Settings>,
  play: Play<Played, Settings, Found>,
): Promise<void> {
  let options: Options<Played, Settings> | undefined;
  try {
    options = parseOptions(line, process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 2;
    return;
  }
  if (options === undefined) process.stdout.write(`${helpOf(line)}\n`);
  else await playAll(options, play);
}

async function playAll<Played extends Named, Settings, Found extends Report>(
  { scenarios, quick, json, settings }: Options<Played, Settings>,
  play: Play<Played, Settings, Found>,
): Promise<void> {
  const signal = untilStopped();
  const reports: Found[] = [];
  for (const scenario of scenarios) {
    if (signal.aborted) break;
    try {
      const report = await play.run(scenario, { ...settings, quick, signal });
      reports.push(report);
      process.stderr.write(`${play.renderReport(report)}\n\n`);
      if (!isKept(report)) process.exitCode = 1;
    } catch (error) {
      process.stderr.write(`${scenario.name}: ${messageOf(error)}\n\n`);
      process.exitCode = 1;
    }
  }
  process.stdout.write(`${json ? JSON.stringify(reports, undefined, 2) : play.renderReports(reports)}\n`);
}

/** A first Ctrl-C ends the scenario under way and everything it began; a second one ends at once. */
function untilStopped(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      stop.abort(new Error("stopped by a signal"));
      process.once(signal, () => process.exit(130));
    });
  }
  return stop.signal;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
