// A task that waits for objects gives its CPUs back meanwhile, and runs on only when it has them again.

import type { TaskRecord } from "./task-record.ts";

/** The first of the waits that a task is in at the same time; one that does not run has none to give. */
export function lendCpus(record: TaskRecord | undefined): void {
  if (record?.state.kind !== "RUNNING" || record.waits++ > 0) return;
  const { worker } = record.state;
  worker.blocked = true;
  worker.lease?.block();
}

/** Calls `resume` once the task has its CPUs again: behind the last of its waits. */
export function takeCpusBack(record: TaskRecord | undefined, resume: () => void): void {
  if (record?.state.kind !== "RUNNING" || --record.waits > 0) {
    resume();
    return;
  }
  const { worker } = record.state;
  const back = (): void => {
    worker.blocked = false;
    resume();
  };
  if (worker.lease === undefined) back();
  else worker.lease.unblock(back);
}
