// How long a replica that is not needed is kept: for the break-even time, in which keeping it costs as much as
// starting it again (ski rental, 2-competitive).
//
// 1. What was needed at any time within the hold is still needed.
// 2. Going up and down too often makes the hold longer; that wears off.

const SHORTEST_MS = 30_000;
/** Kept maxima cover so much; no hold is longer. */
export const LONGEST_HOLD_MS = 900_000;
const REVERSAL_WINDOW_MS = 600_000;
const TOLERATED_REVERSALS = 3;
const LARGEST_STRETCH = 8;
const STRETCH_DECAY_MS = 3_600_000;
const LEARNING = 0.3;

/** The largest value of the last while; as many entries as there are different values at most. */
export class RecentMaximum {
  /** Oldest first; a value that a later one reaches is dropped, so the first is the largest. */
  readonly #kept: { readonly atMs: number; readonly value: number }[] = [];

  add(value: number, nowMs: number): void {
    while ((this.#kept.at(-1)?.value ?? Infinity) <= value) this.#kept.pop();
    this.#kept.push({ atMs: nowMs, value });
    while (nowMs - (this.#kept[0]?.atMs ?? nowMs) > LONGEST_HOLD_MS) this.#kept.shift();
  }

  /** Over the newest `windowMs`, and when that value passes out of it. */
  over(windowMs: number, nowMs: number): { readonly value: number; readonly untilMs: number } {
    const largest = this.#kept.find(({ atMs }) => nowMs - atMs < windowMs) ?? this.#kept.at(-1);
    return { value: largest?.value ?? 0, untilMs: (largest?.atMs ?? nowMs) + windowMs };
  }
}

/** Times at which the direction of change turned, and what that does to the hold (invariant 2). */
export class Reversals {
  #direction = 0;
  readonly #turns: number[] = [];
  #stretch = 1;
  #stretchedMs = 0;

  /** The target changed by `by`. */
  changed(by: number, nowMs: number): void {
    const direction = Math.sign(by);
    if (direction === 0) return;
    if (this.#direction !== 0 && direction !== this.#direction) this.#turns.push(nowMs);
    this.#direction = direction;
    while (nowMs - (this.#turns[0] ?? nowMs) > REVERSAL_WINDOW_MS) this.#turns.shift();
    if (this.#turns.length <= TOLERATED_REVERSALS) return;
    this.#turns.length = 0;
    this.#stretch = Math.min(LARGEST_STRETCH, this.#stretch * 2);
    this.#stretchedMs = nowMs;
  }

  /** What to multiply the hold with. */
  stretch(nowMs: number): number {
    while (this.#stretch > 1 && nowMs - this.#stretchedMs >= STRETCH_DECAY_MS) {
      this.#stretch /= 2;
      this.#stretchedMs += STRETCH_DECAY_MS;
    }
    return this.#stretch;
  }
}

/** Requests missed for every replica that had to be started, learnt from one rise to the end of its start-up. */
export class MissesPerStart {
  #mean = 0;
  #rise: { readonly endMs: number; readonly missedBefore: number; replicas: number } | undefined;

  get mean(): number {
    return this.#mean;
  }

  started(replicas: number, missed: number, endMs: number): void {
    if (this.#rise === undefined) this.#rise = { endMs, missedBefore: missed, replicas };
    else this.#rise.replicas += replicas;
  }

  observe(missed: number, nowMs: number): void {
    if (this.#rise === undefined || nowMs < this.#rise.endMs) return;
    const perReplica = (missed - this.#rise.missedBefore) / this.#rise.replicas;
    this.#mean += LEARNING * (perReplica - this.#mean);
    this.#rise = undefined;
  }
}

/** How long to keep what is not needed: H = max(30 s, d + price of the misses of a start), stretched. */
export function holdMs(
  startUpMs: number,
  { missCostMs, stretch }: { missCostMs: number; stretch: number },
): number {
  return Math.min(LONGEST_HOLD_MS, Math.max(SHORTEST_MS, startUpMs + missCostMs) * stretch);
}
