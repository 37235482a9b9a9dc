// Where all workers of a runtime stand, asked at the same time.

import { showId } from "../api/ids.ts";
import type { Worker } from "../head/worker.ts";
import type { StackReport } from "../workers/messages.ts";
import type { Probed } from "./stack-probe.ts";
import type { StackedTask, StacksOptions, WorkerStack } from "./worker-stack.ts";

const TIMEOUT_MS = 2_000;

/** A row for each worker, by their numbers. Never rejects for what a worker does. */
export async function collectStacks(
  workers: Iterable<Worker>,
  { timeoutMs = TIMEOUT_MS }: StacksOptions,
): Promise<WorkerStack[]> {
  const rows = await Promise.all(
    Array.from(workers, async (worker) => rowOf(worker, await worker.stack(timeoutMs))),
  );
  return rows.sort((a, b) => Number(a.workerId) - Number(b.workerId));
}

function rowOf(worker: Worker, probed: Probed): WorkerStack {
  const told = probed.kind === "RESPONSIVE" ? probed.report : undefined;
  return {
    workerId: String(worker.index),
    pid: worker.pid ?? 0,
    nodeId: worker.nodeId,
    actorId: worker.actor === undefined ? null : showId(worker.actor),
    state: probed.kind,
    detail: detailOf(probed),
    tasks: told === undefined ? tasksOf(worker) : told.tasks.map(taskOf),
    stack: probed.kind === "BLOCKED" ? probed.stack : [],
    resources: told?.resources ?? {},
  };
}

function detailOf(probed: Probed): string {
  switch (probed.kind) {
    case "RESPONSIVE":
      return probed.report.tasks.length === 0 ? "idle" : "waits for what its tasks await";
    case "BLOCKED":
      return "in JavaScript that has not given the event loop back";
    case "STOPPED":
      return "stopped by a signal (SIGSTOP); SIGCONT lets it go on";
    case "UNREACHABLE":
      return probed.why;
    case "STARTING":
      return "not ready for tasks yet";
    case "ENDED":
      return "its process ended";
  }
}

function taskOf({ task, name, ageMs, begun, waits }: StackReport["tasks"][number]): StackedTask {
  const [first] = waits;
  return {
    taskId: showId(task),
    name,
    state: first === undefined ? (begun ? "RUNNING" : "QUEUED") : "WAITING",
    ageMs,
    waitsFor: first === undefined ? null : waits.map(({ what }) => what).join(", "),
    stack: waits.flatMap(({ stack }) => stack),
  };
}

/** As the head knows them: of ordinary tasks the first one runs and the others wait. */
function tasksOf(worker: Worker): StackedTask[] {
  return [...worker.running.values()].map(({ record }, index) => ({
    taskId: showId(record.spec.task),
    name: record.spec.label,
    state: index === 0 || worker.actor !== undefined ? "RUNNING" : "QUEUED",
    ageMs: null,
    waitsFor: null,
    stack: [],
  }));
}
