// What becomes of tasks whose worker has ended: the first was running, unless the worker had not begun; the others had been
// sent ahead.

import { ShoalError } from "../../base/index.ts";
import type { WorkerEnd } from "../workers/worker-process.ts";
import type { TaskRecord } from "./task-record.ts";
import type { TaskTable } from "./task-table.ts";
import type { Worker } from "./worker.ts";

export interface Loss {
  readonly worker: Worker;
  readonly end: WorkerEnd;
  /** In the order in which they were sent. */
  readonly records: readonly TaskRecord[];
  /** None had begun. */
  readonly unborn: boolean;
}

/** Those of a terminal or a supervisor to the whole group, which a worker ignores as soon as it has begun. */
const GROUP_SIGNALS: readonly (NodeJS.Signals | null)[] = ["SIGINT", "SIGHUP", "SIGTERM"];

/** Whether a worker was ended by a signal that was not meant for it, before it could ignore that: nothing was lost with it. */
export function isUnborn(worker: Worker, { signal }: WorkerEnd): boolean {
  return !worker.isReady && worker.killedFor === undefined && GROUP_SIGNALS.includes(signal);
}

export function loseTasks(tasks: TaskTable, { worker, end, records, unborn }: Loss): void {
  const how = worker.killedFor ?? describe(end);
  for (const [index, record] of records.entries()) {
    const what = `Task "${record.spec.label}" lost worker ${worker.index} (pid ${worker.pid}): ${how}`;
    if (index === 0 && worker.killedCode === "OUT_OF_MEMORY") {
      tasks.lostToMemory(record, new ShoalError("OUT_OF_MEMORY", what));
    } else tasks.lost(record, new ShoalError("WORKER_DIED", what), index === 0 && !unborn);
  }
}

function describe({ exitCode, signal, spawnError }: WorkerEnd): string {
  if (spawnError !== undefined) return `its process could not be started: ${spawnError.message}`;
  return signal === null ? `it ended with exit code ${exitCode}` : `it was ended by ${signal}`;
}
