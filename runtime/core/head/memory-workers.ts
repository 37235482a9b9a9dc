// The workers as the memory monitor weighs them.

import type { MemoryWorker } from "../memory/memory-victim.ts";
import type { ActorTable } from "./actor-table.ts";
import { hasRetry } from "./task-retries.ts";
import type { Worker } from "./worker.ts";

export function memoryWorkers(workers: ReadonlySet<Worker>, actors: ActorTable): MemoryWorker[] {
  return Array.from(workers, (worker): MemoryWorker => {
    const { pid = 0, index } = worker;
    return { workerId: String(index), pid, work: workOf(worker, actors) };
  });
}

function workOf(worker: Worker, actors: ActorTable): MemoryWorker["work"] {
  const actor = worker.actor === undefined ? undefined : actors.find(worker.actor);
  if (actor !== undefined) {
    const { maxRestarts, essential } = actor.options;
    return {
      kind: "actor",
      name: actor.label,
      ownerId: String(actor.creation.parent ?? 0),
      startedMs: worker.turnMs,
      retriable: maxRestarts === -1 || actor.restarts < maxRestarts,
      essential,
    };
  }
  const [first] = worker.running.values();
  if (first === undefined) return undefined;
  const { spec, submitter } = first.record;
  return {
    kind: "task",
    name: spec.label,
    ownerId: String(submitter.index),
    startedMs: worker.turnMs,
    retriable: hasRetry(first.record),
    essential: false,
  };
}
