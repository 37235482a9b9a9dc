// How long a replica that is not needed is kept: for the break-even time, in which keeping it costs as much as
// starting it again (ski rental, 2-competitive).
//
// 1. What was needed at any time within the hold is still needed.
// 2. Letting go what is needed again within that time makes the hold longer; that wears off. A pause that was longer has paid.

const SHORTEST_MS = 30_000;
/** Kept maxima cover so much; no hold is longer. */
export const LONGEST_HOLD_MS = 900_000;
const REGRET_WINDOW_MS = 600_000;
const TOLERATED_REGRETS = 1;
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

/** What was let go and needed again before that had paid, and what it does to the hold (invariant 2). */
export class Regrets {
  #downMs = Number.NEGATIVE_INFINITY;
  readonly #regrets: number[] = [];
  #stretch = 1;
  #stretchedMs = 0;

  /** The target changed by `by`. */
  changed(
    by: number,
    { nowMs, breakEvenMs }: { readonly nowMs: number; readonly breakEvenMs: number },
  ): void {
    if (by < 0) this.#downMs = nowMs;
    if (by <= 0) return;
    if (nowMs - this.#downMs < breakEvenMs) this.#regrets.push(nowMs);
    this.#downMs = Number.NEGATIVE_INFINITY;
    while (nowMs - (this.#regrets[0] ?? nowMs) > REGRET_WINDOW_MS) this.#regrets.shift();
    if (this.#regrets.length <= TOLERATED_REGRETS) return;
    this.#regrets.length = 0;
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
