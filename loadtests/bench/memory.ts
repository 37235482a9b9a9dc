// Resident memory of a process and all its descendants, read from Linux' /proc.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Bytes, summed over a process and its descendants. */
export interface Resident {
  /** Resident now; memory that several have mapped counts once, with the one that has mapped most. */
  readonly rss: number;
  /** Shared memory in each of them, in their order. */
  readonly shared: readonly number[];
  /** The peak of each since it was last reset, summed: never less than the largest sum at one moment. */
  readonly peak: number;
}

/** A field of /proc/<pid>/status, such as `VmRSS`, in bytes; 0 when the kernel does not give it. */
export function statusBytes(status: string, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status);
  return match === null ? 0 : Number(match[1]) * 1024;
}

/** The process and its descendants. */
export async function processTree(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
  );
  const children = lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
  const below = await Promise.all(children.map(processTree));
  return [pid, ...below.flat()];
}

export async function residentOf(pids: readonly number[]): Promise<Resident> {
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, "utf8").catch(() => "")));
  const sum = (field: string): number => texts.reduce((total, text) => total + statusBytes(text, field), 0);
  const shared = texts.map((text) => statusBytes(text, "RssShmem"));
  return { rss: sum("VmRSS") - countedTwice(shared), shared, peak: sum("VmHWM") };
}

/** What a sum over processes has too much, when the one with the most shared memory has all that the others have of it. */
export function countedTwice(shared: readonly number[]): number {
  return shared.reduce((sum, bytes) => sum + bytes, 0) - Math.max(0, ...shared);
}

/** The script that a Node process runs, without its folder. */
export async function commandOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const script = line.split("\0").find((part) => /\.[cm]?[jt]s$/.test(part));
  return basename(script ?? line.split("\0")[0] ?? "");
}

/** Makes the kernel forget the peaks (proc(5), clear_refs 5). */
export async function resetPeaks(pids: readonly number[]): Promise<void> {
  await Promise.all(pids.map((pid) => writeFile(`/proc/${pid}/clear_refs`, "5")));
}

const SETTLE_STEP_MS = 100;

/** The least resident memory seen while the processes are left alone for `quietMs`. */
export async function settledRss(pids: readonly number[], quietMs: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let waitedMs = 0; waitedMs < quietMs; waitedMs += SETTLE_STEP_MS) {
    await sleep(SETTLE_STEP_MS);
    least = Math.min(least, (await residentOf(pids)).rss);
  }
  return least;
}
