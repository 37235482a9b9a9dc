// Entries that travel to one replica together.

import type { BatchReason } from "./batch-reason.ts";
import type { Entry } from "./entry.ts";

export interface BatchDetails {
  /** Why it has no more rows. */
  readonly reason: BatchReason;
  /** It was sent as able to answer all its members in time. */
  readonly promised: boolean;
}

export class Batch {
  readonly entries: readonly Entry[];
  readonly rows: number;
  readonly sentMs: number;
  readonly details: BatchDetails;
  /** When its answer is expected. */
  endsAtMs = 0;
  /** Set by the link: gives up the hop when nobody waits for its answer any more. */
  abandon: (() => void) | undefined;
  #waiting: number;

  constructor(
    entries: readonly Entry[],
    sentMs: number,
    details: BatchDetails = { reason: "replica_idle", promised: false },
  ) {
    this.entries = entries;
    this.rows = entries.reduce((sum, entry) => sum + entry.rows, 0);
    this.sentMs = sentMs;
    this.details = details;
    this.#waiting = entries.length;
    for (const entry of entries) entry.markSent(this);
  }

  /** The moment after which no member wants the answer: a replica must not start the run later. */
  get latestStartMs(): number {
    let latest = 0;
    for (const entry of this.entries) latest = Math.max(latest, entry.deadlineMs);
    return latest;
  }

  /** One member was settled from elsewhere; the last to go abandons the hop. */
  release(): void {
    this.#waiting--;
    if (this.#waiting === 0) this.abandon?.();
  }
}
