// `npm run load`: the open-loop generator as a command. See HELP in help.ts and loadtests/README.md.

import { writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { type LoadCommand, parseCommandLine } from "./command-line.ts";
import { HELP } from "./help.ts";
import type { OpenLoopReport, TimelineRow } from "./report.ts";
import { renderReport } from "./render.ts";
import { runOpenLoop } from "./run.ts";
import { timelineCsv, timelineJsonLines } from "./timeline-file.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    stop.abort();
    process.once(signal, () => process.exit(130));
  });
}

async function load({ options, json, timeline }: LoadCommand): Promise<void> {
  // Tried before the load: afterwards a result would be lost.
  if (timeline !== undefined) await writeFile(timeline, "");
  const live = process.stderr.isTTY ? { onSecond: showSecond } : {};
  const report = await runOpenLoop({ ...options, ...live }, stop.signal);
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  if (timeline !== undefined) {
    const encode = extname(timeline) === ".csv" ? timelineCsv : timelineJsonLines;
    await writeFile(timeline, encode(report.timeline));
  }
  process.stdout.write(`${json ? JSON.stringify(report, undefined, 2) : renderReport(report)}\n`);
  process.exitCode = wasAnswered(report) ? 0 : 1;
}

function wasAnswered({ sent, ok, failed, twice }: OpenLoopReport): boolean {
  return sent === 0 || ok + failed + twice > 0;
}

/** One line that is written over. */
function showSecond({ second, sent, ok, latency }: TimelineRow): void {
  process.stderr.write(`\r\x1b[K${second} s: ${sent} sent, ${ok} ok, p99 ${latency.p99Ms.toFixed(1)} ms`);
}

function fail(error: unknown, exitCode: number): undefined {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitCode;
  return undefined;
}

const args = process.argv.slice(2);
const command = await parseCommandLine(args).catch((error: unknown) => fail(error, 2));
if (command !== undefined) await load(command).catch((error: unknown) => fail(error, 1));
else if (process.exitCode === undefined) process.stdout.write(`${HELP}\n`);
