// `npm test`: every test file, or those named as arguments (files, folders or globs).
//
// 1. One file a core at a time, and never fewer than two: most of them wait for processes and timers, not for a core.
// 2. Then those of `test/system`, each alone: they judge what becomes of requests while a server is short of everything.

import { existsSync, statSync } from "node:fs";
import { glob } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, sep } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

/** Of one test; files have several. */
const TIMEOUT_MS = 120_000;
const ALONE = join("test", "system") + sep;

const named = process.argv.slice(2);
const files = await Array.fromAsync(glob((named.length === 0 ? ["test"] : named).map(testsIn)));
if (files.length === 0) {
  console.error(`Cannot run "${named.join(" ")}": found no test file`);
  process.exitCode = 1;
}
const together = files.filter((file) => !file.startsWith(ALONE));
await go(together, Math.max(2, availableParallelism())); // invariant 1
await go(
  files.filter((file) => file.startsWith(ALONE)),
  1,
); // invariant 2

function testsIn(name: string): string {
  return existsSync(name) && statSync(name).isDirectory() ? join(name, "**/*.test.ts") : name;
}

async function go(some: readonly string[], concurrency: number): Promise<void> {
  if (some.length === 0) return;
  const events = run({ files: some.toSorted(), concurrency, timeout: TIMEOUT_MS });
  events.on("test:fail", ({ todo }) => {
    if (todo === undefined || todo === false) process.exitCode = 1;
  });
  for await (const text of events.compose(new spec())) process.stdout.write(String(text));
}
