// What a worker does with its environment before its first task: its packages become importable, its hook runs.

import type { FunctionName } from "../workers/messages.ts";
import { loadExport } from "../worker/user-code.ts";
import type { WorkerEnvironment } from "./prepare.ts";

/** Rejects with what the hook threw, or NOT_FOUND. */
export async function enterEnvironment({ hook, packages, workingDir }: WorkerEnvironment): Promise<void> {
  if (packages.length > 0 || workingDir !== undefined) {
    const { resolveInEnvironment } = await import("./resolve-in-environment.ts");
    resolveInEnvironment(packages, workingDir);
  }
  if (hook !== undefined) await runHook(hook);
}

async function runHook(hook: FunctionName): Promise<void> {
  const run = await loadExport(hook);
  await run();
}
