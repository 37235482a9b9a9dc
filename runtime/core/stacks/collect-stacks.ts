// Where all workers of a runtime stand, asked at the same time.

import { showId } from "../api/ids.ts";
import type { Worker } from "../head/worker.ts";
import type { Id, StackReport } from "../workers/messages.ts";
import type { Probed } from "./stack-probe.ts";
import type { StackedTask, StacksOptions, WorkerStack } from "./worker-stack.ts";

const TIMEOUT_MS = 2_000;

export interface StackSources {
  readonly workers: Iterable<Worker>;
  /** Calls of an actor that other workers have told of. */
  readonly directCalls: (actor: Id) => readonly DirectCall[];
}

interface DirectCall {
  readonly task: Id;
  readonly name: string;
}

/** A row for each worker, by their numbers. Never rejects for what a worker does. */
export async function collectStacks(
  { workers, directCalls }: StackSources,
  { timeoutMs = TIMEOUT_MS }: StacksOptions,
): Promise<WorkerStack[]> {
  const rows = await Promise.all(
    Array.from(workers, async (worker) => {
      const probed = await worker.stack(timeoutMs);
      const direct = worker.actor === undefined ? [] : directCalls(worker.actor);
      return rowOf(worker, probed, direct);
    }),
  );
  return rows.sort((a, b) => Number(a.workerId) - Number(b.workerId));
}

function rowOf(worker: Worker, probed: Probed, direct: readonly DirectCall[]): WorkerStack {
  const told = probed.kind === "RESPONSIVE" ? probed.report : undefined;
  return {
    workerId: String(worker.index),
    pid: worker.pid ?? 0,
    nodeId: worker.nodeId,
    actorId: worker.actor === undefined ? null : showId(worker.actor),
    state: probed.kind,
    detail: detailOf(probed),
    tasks: told === undefined ? tasksOf(worker, direct) : told.tasks.map(taskOf),
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
function tasksOf(worker: Worker, direct: readonly DirectCall[]): StackedTask[] {
  const own = Array.from(worker.running.values(), ({ record: { spec } }) => ({
    task: spec.task,
    name: spec.label,
  }));
  return [...own, ...direct].map(({ task, name }, index) => ({
    taskId: showId(task),
    name,
    state: index === 0 || worker.actor !== undefined ? "RUNNING" : "QUEUED",
    ageMs: null,
    waitsFor: null,
    stack: [],
  }));
}
