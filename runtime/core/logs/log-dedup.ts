// The same line from many workers, shown once and then counted: `… [repeated 5x across workers]`.
//
// Ray's rules (python/ray/_private/ray_logging, LogDeduplicator), whose wording and numbers users know. Lines are the same
// when they differ only in words that hold a digit.
//
// 1. The first of its kind is shown at once; what one worker alone repeats is shown every time.
// 2. What is held back is shown, as the last line with a count, when `WINDOW_MS` are over: never lost, never late.
// 3. At most `MAX_KINDS` are remembered; the oldest goes, with what it holds back shown.

import type { Clock, Timer } from "../../base/index.ts";

const WINDOW_MS = 5_000;
const MAX_KINDS = 1_000;
/** A longer line is shown as it is. */
const MAX_LINE_CHARS = 2_000;

/** Shows a line; `repeated` is how often its like was held back, this one included, when that is above 1. */
export type ShowLine<Origin> = (text: string, origin: Origin, repeated: number) => void;

interface Kind<Origin> {
  readonly sinceMs: number;
  readonly worker: number;
  several: boolean;
  held: number;
  last: { readonly text: string; readonly origin: Origin };
}

/** `Origin` is whatever `show` needs to know where a line came from. */
export class LogDedup<Origin> {
  readonly #clock: Pick<Clock, "nowMs" | "timer">;
  readonly #show: ShowLine<Origin>;
  /** In order of `sinceMs`. */
  readonly #kinds = new Map<string, Kind<Origin>>();
  #timer: Timer | undefined;

  constructor(clock: Pick<Clock, "nowMs" | "timer">, show: ShowLine<Origin>) {
    this.#clock = clock;
    this.#show = show;
  }

  /** A line of `worker`, any number that tells one from another. `group` keeps apart what is never the same. */
  line(
    text: string,
    origin: Origin,
    { worker, group }: { readonly worker: number; readonly group: string },
  ): void {
    const nowMs = this.#clock.nowMs();
    this.#expire(nowMs);
    if (text.length > MAX_LINE_CHARS) {
      this.#show(text, origin, 0);
      return;
    }
    const key = `${group}\0${kindOf(text)}`;
    const kind = this.#kinds.get(key);
    if (kind === undefined) {
      if (this.#kinds.size >= MAX_KINDS) this.#forgetOldest();
      this.#kinds.set(key, { sinceMs: nowMs, worker, several: false, held: 0, last: { text, origin } });
    }
    // Invariant 1.
    if (kind === undefined || (!kind.several && kind.worker === worker)) {
      this.#show(text, origin, 0);
      return;
    }
    kind.several = true;
    kind.held++;
    kind.last = { text, origin };
    this.#timer ??= this.#clock.timer(kind.sinceMs + WINDOW_MS - nowMs, () => this.#onTimer());
  }

  /** Shows all that is held back, and forgets what was seen. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#kinds.size > 0) this.#forgetOldest();
  }

  #onTimer(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    this.#expire(nowMs);
    for (const { held, sinceMs } of this.#kinds.values()) {
      if (held === 0) continue;
      this.#timer = this.#clock.timer(sinceMs + WINDOW_MS - nowMs, () => this.#onTimer());
      return;
    }
  }

  /** Invariant 2: shows and forgets what is over; a kind that went on repeating is counted anew. */
  #expire(nowMs: number): void {
    for (const [key, kind] of this.#kinds) {
      if (nowMs - kind.sinceMs < WINDOW_MS) return;
      this.#kinds.delete(key);
      if (kind.held > 1) this.#kinds.set(key, { ...kind, sinceMs: nowMs, held: 0 });
      this.#showHeld(kind);
    }
  }

  #forgetOldest(): void {
    for (const [key, kind] of this.#kinds) {
      this.#kinds.delete(key);
      this.#showHeld(kind);
      return;
    }
  }

  #showHeld({ held, last: { text, origin } }: Kind<Origin>): void {
    if (held > 0) this.#show(text, origin, held === 1 ? 0 : held);
  }
}

/** The line without the words that hold a digit; the line itself when nothing else is in it. */
function kindOf(text: string): string {
  const words = text.split(" ").filter((word) => word !== "" && !/\d/.test(word));
  return words.length === 0 ? `=${text}` : words.join(" ");
}
