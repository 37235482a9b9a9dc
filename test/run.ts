// `npm test`: every test file, or those named as arguments (files, folders or globs). One file a core at a time, and never fewer than
// two: most of them wait for processes and timers, not for a core. A file that leaves something running is ended at its time.

import { existsSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

/** Of one test; files have several. */
const TIMEOUT_MS = 120_000;

const named = process.argv.slice(2);
run({
  globPatterns: (named.length === 0 ? ["test"] : named).map(testsIn),
  concurrency: Math.max(2, availableParallelism()),
  timeout: TIMEOUT_MS,
})
  .on("test:fail", ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  })
  .compose(new spec())
  .pipe(process.stdout);

function testsIn(name: string): string {
  return existsSync(name) && statSync(name).isDirectory() ? join(name, "**/*.test.ts") : name;
}
