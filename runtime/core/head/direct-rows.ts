// Direct calls in the lists of tasks: told by their callers, after the fact.
//
// 1. One that was told as running ends by its end, by being handed over, or with its caller.

import type { ShoalError } from "../../base/index.ts";
import { showId } from "../api/ids.ts";
import type { TaskEvents, TaskHandle, TaskPlace } from "../state/index.ts";
import { type CallReport, ROW_NUMBERS } from "../workers/direct-messages.ts";
import type { Id } from "../workers/messages.ts";
import type { Worker } from "./worker.ts";

interface Open {
  readonly handle: TaskHandle;
  readonly caller: Worker;
  readonly actor: Id;
  readonly name: string;
}

const NO_RESOURCES = {};

export class DirectRows {
  readonly #events: TaskEvents;
  readonly #open = new Map<Id, Open>();

  constructor(events: TaskEvents) {
    this.#events = events;
  }

  report(caller: Worker, report: CallReport, place: TaskPlace | undefined): void {
    const { rows, actor, atEpochMs } = report;
    const failures = new Map(report.failures.map(([task, type, message]) => [task, { type, message }]));
    for (let at = 0; at + ROW_NUMBERS <= rows.length; at += ROW_NUMBERS) {
      const [task = 0, parent = 0, label = 0, sentAgoMs = 0, endedAgoMs = 0] = rows.slice(
        at,
        at + ROW_NUMBERS,
      );
      const sentMs = atEpochMs - sentAgoMs;
      const name = report.labels[label] ?? "";
      const handle = this.take(task) ?? this.#begin({ task, parent, name, actor, sentMs }, place);
      const endedMs = atEpochMs - endedAgoMs;
      const failure = failures.get(task);
      if (endedAgoMs < 0) this.#open.set(task, { handle, caller, actor, name });
      else if (failure === undefined) this.#events.finish(handle, endedMs);
      else this.#events.fail(handle, failure, endedMs);
    }
  }

  /** The row of a call that is the head's own from now on. */
  take(task: Id): TaskHandle | undefined {
    if (this.#open.size === 0) return undefined;
    const open = this.#open.get(task);
    this.#open.delete(task);
    return open?.handle;
  }

  callerEnded(caller: Worker, { code, message }: ShoalError): void {
    for (const [task, open] of this.#open) {
      if (open.caller !== caller) continue;
      this.#open.delete(task); // invariant 1
      this.#events.fail(open.handle, { type: code, message });
    }
  }

  /** Those that last, by what their callers have told. */
  of(actor: Id): { readonly task: Id; readonly name: string }[] {
    const found: { readonly task: Id; readonly name: string }[] = [];
    for (const [task, { actor: of, name }] of this.#open) if (of === actor) found.push({ task, name });
    return found;
  }

  #begin(
    call: {
      readonly task: Id;
      readonly parent: Id;
      readonly name: string;
      readonly actor: Id;
      readonly sentMs: number;
    },
    place: TaskPlace | undefined,
  ): TaskHandle {
    const { task, parent, name, actor, sentMs } = call;
    const handle = this.#events.begin(
      {
        taskId: showId(task),
        type: "ACTOR_TASK",
        functionName: name,
        name,
        ...(parent === 0 ? {} : { parentTaskId: showId(parent) }),
        actorId: showId(actor),
        attempt: 0,
        resources: NO_RESOURCES,
      },
      "PENDING_NODE_ASSIGNMENT",
      sentMs,
    );
    if (place !== undefined) this.#events.place(handle, place, sentMs);
    this.#events.enter(handle, "RUNNING", sentMs);
    return handle;
  }
}
