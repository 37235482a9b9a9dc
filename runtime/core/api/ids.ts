// Ids that a process makes without asking anybody.

import type { Id } from "../workers/messages.ts";

const PROCESS_SHARE = 2 ** 32;

export class IdSource {
  #next: number;

  /** `processIndex` is 0 for the driver; up to 2²¹ of them. */
  constructor(processIndex: number) {
    this.#next = processIndex * PROCESS_SHARE + 1;
  }

  /** The first of `count` ids in a row. */
  take(count = 1): Id {
    const first = this.#next;
    this.#next += count;
    return first;
  }
}

/** As people see it. */
export function showId(id: Id): string {
  return id.toString(16).padStart(12, "0");
}
