// Finds the runtimes of this user on this machine and asks them for their tables.

import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { ShoalError } from "../../base/index.ts";
import { isRunning } from "../is-running.ts";
import type { WorkerStack } from "../stacks/worker-stack.ts";
import { userId } from "../user-folders.ts";
import type { RowKind, RowKinds } from "./index.ts";

export function stateFolder(): string {
  return join(tmpdir(), `shoal-runtimes-${userId()}`);
}

export function stateSocketOf(pid: number): string {
  return join(stateFolder(), `${pid}.sock`);
}

/** Process ids of the drivers that run, the newest last. */
export async function findRuntimes(): Promise<number[]> {
  const names = await readdir(stateFolder()).catch(() => []);
  return names
    .flatMap((name) => /^(\d+)\.sock$/.exec(name)?.[1] ?? [])
    .map(Number)
    .filter(isRunning)
    .sort((a, b) => a - b);
}

/** How long a runtime may say nothing. */
const SILENCE_MS = 10_000;

/**
 * A table of the runtime whose driver is `pid`. Rejects with NOT_FOUND when it is not there, with DEADLINE_EXCEEDED when
 * it says nothing for `silenceMs`.
 */
export async function readRows<Kind extends RowKind>(
  pid: number,
  kind: Kind,
  silenceMs = SILENCE_MS,
): Promise<RowKinds[Kind][]> {
  // What the head of a runtime of the same version says.
  return (await readLines(pid, `/rows/${kind}`, silenceMs)) as RowKinds[Kind][];
}

/** Where the workers of that runtime stand, each within `timeoutMs`. Rejects as `readRows`. */
export async function readStacks(pid: number, timeoutMs: number): Promise<WorkerStack[]> {
  return (await readLines(pid, `/stacks?timeoutMs=${timeoutMs}`, timeoutMs + SILENCE_MS)) as WorkerStack[];
}

/** Lines of JSON, however long the table is, as long as it goes on. */
async function readLines(pid: number, path: string, silenceMs: number): Promise<unknown[]> {
  const asked = request({ socketPath: stateSocketOf(pid), path }).end();
  // Its loop may be blocked, and a stopped process still takes connections.
  const silent = `it has not answered for ${silenceMs / 1_000} s, so it is blocked or stopped`;
  let isSilent = false;
  asked.setTimeout(silenceMs, () => {
    isSilent = true;
    asked.destroy();
  });
  try {
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    const rows: unknown[] = [];
    let rest = "";
    for await (const chunk of answer.setEncoding("utf8")) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) rows.push(JSON.parse(line));
    }
    return rows;
  } catch (cause) {
    const why = isSilent ? silent : "it does not answer";
    const what = `Cannot ask the runtime of process ${pid}: ${why}`;
    throw new ShoalError(isSilent ? "DEADLINE_EXCEEDED" : "NOT_FOUND", what, { cause });
  }
}
