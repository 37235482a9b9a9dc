// How long the last replica stays when nobody asks: the hybrid histogram of "Serverless in the Wild" (ATC'20), in minutes.
//
// 1. It stays as long as nearly all pauses lasted, and a tenth longer: the next request finds it warm.
// 2. Never longer than `longestMs`, also where that is shorter than the hold of any replica; where it would not cover most pauses, waiting does not pay and it goes at once.
// 3. Without enough pauses to go by, `longestMs`.

const BIN_MS = 60_000;
/** Four hours; longer pauses are one bin. */
const BINS = 240;
const QUANTILE = 0.99;
const MARGIN = 1.1;
const FEWEST_PAUSES = 10;
/** Pauses shorter than this are no pauses. */
const SHORTEST_PAUSE_MS = 10_000;
/** Of pauses that must be covered for waiting to pay. */
const WORTH_WAITING = 0.5;

export class KeepAlive {
  readonly #longestMs: number;
  readonly #pauses = new Uint32Array(BINS + 1);
  #count = 0;
  #idleMs = 0;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  /** Sees how long nobody has asked; a shorter time than before means that a pause ended. */
  observe(idleMs: number): void {
    if (idleMs < this.#idleMs && this.#idleMs >= SHORTEST_PAUSE_MS) {
      const bin = Math.min(BINS, Math.floor(this.#idleMs / BIN_MS));
      this.#pauses[bin] = (this.#pauses[bin] ?? 0) + 1;
      this.#count++;
    }
    this.#idleMs = idleMs;
  }

  /** How long to stay idle before going, given the hold of any unneeded replica. */
  keepAliveMs(holdMs: number): number {
    if (this.#count < FEWEST_PAUSES) return this.#longestMs; // invariant 3
    if (this.#shareWithin(this.#longestMs) < WORTH_WAITING) return Math.min(holdMs, this.#longestMs); // invariant 2
    let seen = 0;
    let bin = 0;
    while (bin < BINS && seen + (this.#pauses[bin] ?? 0) < QUANTILE * this.#count)
      seen += this.#pauses[bin++] ?? 0;
    return Math.min(this.#longestMs, Math.max(holdMs, (bin + 1) * BIN_MS * MARGIN)); // invariants 1 and 2
  }

  #shareWithin(ms: number): number {
    let within = 0;
    for (let bin = 0; bin < Math.floor(ms / BIN_MS); bin++) within += this.#pauses[bin] ?? 0;
    return within / this.#count;
  }
}
