// How much extra work is allowed: a share of the requests admitted, saved up to a bound. For requests that run again after
// their replica died or refused them, and for second copies of slow ones: what fails must not multiply.

export class Budget {
  readonly #share: number;
  #left: number;

  /** `share` per admitted request; `left` to begin with. */
  constructor(share: number, left: number) {
    this.#share = share;
    this.#left = left;
  }

  /** A request was admitted; no more than `most` is saved. */
  admit(most: number): void {
    this.#left = Math.min(most, this.#left + this.#share);
  }

  /** Takes one out; false when there is none left. */
  take(): boolean {
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
