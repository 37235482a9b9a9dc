// Calls at given times, late rather than early.
//
// 1. Each time is called once, in order, never before it has come.
// 2. Many that are due at once leave the event loop its turns: answers are read in between.

/** Invariant 2. */
const MAX_DUE_A_TURN = 64;
/** Node's timers count whole milliseconds; the rest is spun away, if at all. */
const SPUN_MS = 2;
const MAX_TIMER_MS = 2 ** 30;

export interface PacerOptions {
  /** In ms from `start`, ascending. */
  readonly times: Iterator<number, void>;
  /** `timer` is up to about a millisecond late; `spin` keeps a core busy instead. */
  readonly pacing: "timer" | "spin";
  /** A time has come: when it was intended, on the clock of `performance.now()`. */
  readonly onDue: (timeMs: number, intendedMs: number) => void;
  /** No time is left; told once. */
  readonly onEnd: () => void;
}

export class Pacer implements Disposable {
  readonly #options: PacerOptions;
  #startMs = 0;
  #next: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(options: PacerOptions) {
    this.#options = options;
  }

  /** Begins now. */
  start(): void {
    this.#startMs = performance.now();
    this.#next = this.#options.times.next().value ?? undefined;
    this.#turn();
  }

  /** True when there was a time left. */
  stop(): boolean {
    const hadMore = this.#next !== undefined;
    this[Symbol.dispose]();
    if (hadMore) this.#options.onEnd();
    return hadMore;
  }

  [Symbol.dispose](): void {
    this.#next = undefined;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  readonly #turn = (): void => {
    let room = MAX_DUE_A_TURN;
    for (let next = this.#next; next !== undefined; next = this.#next) {
      const waitMs = this.#startMs + next - performance.now();
      if (waitMs > 0 || room-- === 0) {
        this.#sleep(waitMs);
        return;
      }
      this.#options.onDue(next, this.#startMs + next);
      // Stopped in the call: `onEnd` has been told.
      if (this.#next === undefined) return;
      this.#next = this.#options.times.next().value ?? undefined;
    }
    this.#options.onEnd();
  };

  #sleep(waitMs: number): void {
    const spins = this.#options.pacing === "spin";
    if (waitMs <= 0 || (spins && waitMs < SPUN_MS)) this.#immediate = setImmediate(this.#turn);
    else {
      const timerMs = spins ? Math.floor(waitMs) - 1 : Math.ceil(waitMs);
      this.#timer = setTimeout(this.#turn, Math.min(timerMs, MAX_TIMER_MS));
    }
  }
}
