// Which tasks were submitted by the code of which: to cancel children with their parent.

import type { Id } from "../workers/messages.ts";
import type { TaskRecord } from "./task-record.ts";

export class TaskFamilies {
  /** By a parent that the head does not know: mostly a direct call. */
  readonly #strays = new Map<Id, Set<TaskRecord>>();

  /** `known` is the record of its parent, if there is one. */
  join(record: TaskRecord, known: TaskRecord | undefined): void {
    const { parent } = record.spec;
    if (parent === undefined) return;
    let children = known === undefined ? this.#strays.get(parent) : known.children;
    if (children === undefined) {
      children = new Set();
      if (known === undefined) this.#strays.set(parent, children);
      else known.children = children;
    }
    children.add(record);
  }

  /** It is forgotten; its parent may have been before it, or come to be known behind it. */
  leave(record: TaskRecord, known: TaskRecord | undefined): void {
    const { parent } = record.spec;
    if (parent === undefined) return;
    known?.children?.delete(record);
    const strays = this.#strays.get(parent);
    if (strays?.delete(record) && strays.size === 0) this.#strays.delete(parent);
  }

  /** Those of a parent that the head does not know. */
  straysOf(parent: Id): TaskRecord[] {
    return Array.from(this.#strays.get(parent) ?? []);
  }
}
