// Finds the runtimes of this user on this machine and asks them for their tables.

import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { ShoalError } from "../../base/index.ts";
import { isRunning } from "../is-running.ts";
import type { WorkerStack } from "../stacks/worker-stack.ts";
import type { RowKind, RowKinds } from "./index.ts";

export function stateFolder(): string {
  return join(tmpdir(), `shoal-runtimes-${userInfo().uid}`);
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

/** A table of the runtime whose driver is `pid`. Rejects with NOT_FOUND when it does not answer. */
export async function readRows<Kind extends RowKind>(pid: number, kind: Kind): Promise<RowKinds[Kind][]> {
  // What the head of a runtime of the same version says.
  return (await readLines(pid, `/rows/${kind}`)) as RowKinds[Kind][];
}

/** Where the workers of that runtime stand, each within `timeoutMs`. Rejects with NOT_FOUND when it does not answer. */
export async function readStacks(pid: number, timeoutMs: number): Promise<WorkerStack[]> {
  return (await readLines(pid, `/stacks?timeoutMs=${timeoutMs}`)) as WorkerStack[];
}

async function readLines(pid: number, path: string): Promise<unknown[]> {
  const asked = request({ socketPath: stateSocketOf(pid), path }).end();
  let answer: IncomingMessage;
  try {
    [answer] = (await once(asked, "response")) as [IncomingMessage];
  } catch (cause) {
    throw new ShoalError("NOT_FOUND", `Cannot ask the runtime of process ${pid}: it does not answer`, {
      cause,
    });
  }
  const rows: unknown[] = [];
  for await (const line of createInterface({ input: answer })) rows.push(JSON.parse(line));
  return rows;
}
