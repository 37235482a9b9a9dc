// Tells the state tables what becomes of tasks. Nothing decides by it.

import { showId } from "../api/ids.ts";
import type { ShoalError } from "../../base/index.ts";
import { type TaskEvents, type TaskHandle, type TaskPlace } from "../state/index.ts";
import type { CallReport } from "../workers/direct-messages.ts";
import type { Id } from "../workers/messages.ts";
import { DirectRows } from "./direct-rows.ts";
import type { TaskRecord } from "./task-record.ts";
import type { Worker } from "./worker.ts";

export class TaskRecorder {
  readonly #events: TaskEvents;
  readonly #handles = new WeakMap<TaskRecord, TaskHandle>();
  readonly #places = new WeakMap<Worker, TaskPlace>();
  readonly #direct: DirectRows;

  constructor(events: TaskEvents) {
    this.#events = events;
    this.#direct = new DirectRows(events);
  }

  /** Direct calls of `caller`, on `callee` unless that is gone. */
  report(caller: Worker, report: CallReport, callee: Worker | undefined): void {
    this.#direct.report(caller, report, callee === undefined ? undefined : this.#placeOf(callee));
  }

  callerEnded(caller: Worker, error: ShoalError): void {
    this.#direct.callerEnded(caller, error);
  }

  /** Direct calls that are known to be on their way to an actor. */
  directCalls(actor: Id): readonly { readonly task: Id; readonly name: string }[] {
    return this.#direct.of(actor);
  }

  /** A new attempt waits for its arguments, or for its turn. */
  begin(record: TaskRecord): void {
    const { spec, attempt } = record;
    const { work } = spec;
    const told = this.#direct.take(spec.task);
    if (told !== undefined) {
      this.#handles.set(record, told);
      return;
    }
    const handle = this.#events.begin(
      {
        taskId: showId(spec.task),
        type: work.kind === "task" ? "NORMAL_TASK" : "ACTOR_TASK",
        functionName: work.kind === "call" ? spec.label : work.exportName,
        name: spec.label,
        ...(spec.parent === undefined ? {} : { parentTaskId: showId(spec.parent) }),
        ...(spec.actor === undefined ? {} : { actorId: showId(spec.actor) }),
        attempt: attempt - 1,
        resources: spec.placement.resources,
      },
      record.missing > 0 ? "PENDING_ARGS_AVAIL" : "PENDING_NODE_ASSIGNMENT",
    );
    this.#handles.set(record, handle);
  }

  proceed(record: TaskRecord): void {
    this.#tell(record, (handle) => this.#events.enter(handle, "PENDING_NODE_ASSIGNMENT"));
  }

  /** It was sent; an actor's call runs at once, an ordinary task when those before it are done. */
  sent(record: TaskRecord, worker: Worker): void {
    this.#tell(record, (handle) => {
      this.#events.place(handle, this.#placeOf(worker));
      if (worker.actor !== undefined || worker.running.size === 1) this.#events.enter(handle, "RUNNING");
    });
  }

  /** Its worker has come to it. */
  running(record: TaskRecord): void {
    this.#tell(record, (handle) => this.#events.enter(handle, "RUNNING"));
  }

  finished(record: TaskRecord): void {
    this.#tell(record, (handle) => this.#events.finish(handle));
  }

  failed(record: TaskRecord, error: ShoalError): void {
    this.#tell(record, (handle) => this.#events.fail(handle, { type: error.code, message: error.message }));
  }

  #tell(record: TaskRecord, tell: (handle: TaskHandle) => void): void {
    const handle = this.#handles.get(record);
    if (handle !== undefined) tell(handle);
  }

  #placeOf(worker: Worker): TaskPlace {
    let place = this.#places.get(worker);
    if (place === undefined) {
      place = { workerId: String(worker.index), nodeId: worker.nodeId, pid: worker.pid ?? 0 };
      this.#places.set(worker, place);
    }
    return place;
  }
}
