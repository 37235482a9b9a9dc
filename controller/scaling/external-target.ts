// A deployment whose number of replicas was asked for from outside: which number, and the requests so far.
//
// 1. What was asked for holds while the caller says so; without it the config's number does, and that is noted too.

import { DecisionHistory, explain } from "../autoscale/index.ts";

/** What an external scaler asked for. */
export interface ExternalTarget {
  readonly replicas: number;
  /** Who asked. */
  readonly author: string;
  readonly atEpochMs: number;
}

export class ExternallyScaled {
  readonly history = new DecisionHistory();
  #asked: ExternalTarget | undefined;
  #target: number;

  /** `own` is the config's number. */
  constructor(own: number) {
    this.#target = own;
  }

  get target(): number {
    return this.#target;
  }

  /** Whether somebody from outside has the say now. */
  get isAsked(): boolean {
    return this.#asked !== undefined;
  }

  /** Goes by what is asked for, else by the config's number (invariant 1). */
  take(asked: ExternalTarget | undefined, own: number, epochMs: number): void {
    const before = this.#target;
    const same = asked?.replicas === this.#asked?.replicas && asked?.atEpochMs === this.#asked?.atEpochMs;
    this.#asked = asked;
    this.#target = asked?.replicas ?? own;
    if (same && this.#target === before) return;
    const why = asked === undefined ? "num_replicas of the config" : `asked for by ${asked.author}`;
    const explanation = explain(before, this.#target, why);
    this.history.add(
      before,
      { target: this.#target, explanation, reviewAtMs: epochMs },
      asked?.atEpochMs ?? epochMs,
    );
  }
}
