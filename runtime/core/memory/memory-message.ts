// What is told of a worker that was killed because memory ran out: to the log, and as the error of its task when
// that is not tried again. Pure.

import type { MemoryReading } from "./memory-reader.ts";
import type { MeasuredWorker, Victim } from "./memory-victim.ts";

const TOP_WORKERS = 5;
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

export function memoryMessage(
  { worker: killed, work, ranMs }: Victim,
  workers: readonly MeasuredWorker[],
  { usedBytes, limitBytes, threshold }: MemoryReading & { readonly threshold: number },
): string {
  const again = work.retriable
    ? `It is ${work.kind === "task" ? "tried" : "started"} again.`
    : "It is not tried again.";
  const top = workers
    .toSorted((left, right) => (right.bytes ?? 0) - (left.bytes ?? 0))
    .slice(0, TOP_WORKERS)
    .map((worker) => `  pid ${worker.pid}  ${sizeOf(worker)}  ${nameOf(worker)}`);
  return [
    `Killed the worker of ${work.kind} "${work.name}" (pid ${killed.pid}, ${sizeOf(killed)}, ran ${seconds(ranMs)}): memory is short.`,
    `Used are ${gib(usedBytes)} of ${gib(limitBytes)} (${ratio(usedBytes / limitBytes)}), above the threshold of ${ratio(threshold)}. ${again}`,
    "Workers that use most, without what they share:",
    ...top,
    "To use less: give tasks more num_cpus or a memory amount, so that fewer run at once, or pass smaller pieces. " +
      "memoryUsageThreshold sets the threshold, memoryMonitorRefreshMs: 0 switches this off.",
  ].join("\n");
}

function nameOf({ work }: MeasuredWorker): string {
  return work === undefined ? "idle" : `${work.kind} ${work.name}`;
}

function sizeOf({ bytes }: MeasuredWorker): string {
  return bytes === undefined ? "size unknown" : bytes >= GIB ? gib(bytes) : `${(bytes / MIB).toFixed(0)} MiB`;
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(2)} GiB`;
}

function ratio(value: number): string {
  return value.toFixed(3);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
