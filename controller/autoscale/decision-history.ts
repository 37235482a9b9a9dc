// The last decisions of one deployment, for `shoal serve scaling` and the dashboard.
//
// 1. Bounded: the oldest goes when there are more than `limit`.
// 2. A stretch in which the target and what is wrong stay the same is one entry, kept up to date.

import type { ScalingDecision } from "./policy.ts";

export interface PastDecision {
  /** Unix epoch milliseconds of the first and the last decision of the stretch. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly from: number;
  readonly to: number;
  /** Of the change; of the last decision when nothing changed. */
  readonly explanation: string;
  readonly fault: string | undefined;
}

export class DecisionHistory {
  readonly #limit: number;
  readonly #entries: PastDecision[] = [];

  constructor(limit = 200) {
    this.#limit = limit;
  }

  /** Adds what was decided when the target was `from`. */
  add(from: number, decision: ScalingDecision, epochMs: number): void {
    const { target, explanation, fault } = decision;
    const last = this.#entries.at(-1);
    if (last !== undefined && from === target && last.to === target && last.fault === fault) {
      const told = last.from === last.to ? explanation : last.explanation;
      this.#entries[this.#entries.length - 1] = { ...last, untilMs: epochMs, explanation: told }; // invariant 2
      return;
    }
    this.#entries.push({ sinceMs: epochMs, untilMs: epochMs, from, to: target, explanation, fault });
    if (this.#entries.length > this.#limit) this.#entries.shift(); // invariant 1
  }

  /** Newest first. */
  latest(count = this.#limit): readonly PastDecision[] {
    return this.#entries.slice(-count).toReversed();
  }
}
