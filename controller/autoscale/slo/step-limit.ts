// How far one half second may move the target, so that a mistake is bounded: up four times or eight more, down by half.
// Within a second that lets a step of eight times through from any number.

const WINDOW_MS = 500;
const UP_FACTOR = 4;
const UP_REPLICAS = 8;

export class StepLimit {
  #base = 0;
  #sinceMs = Number.NEGATIVE_INFINITY;

  /** `wanted`, no further from where the target was at the beginning of this half second than a step. */
  limit(wanted: number, target: number, nowMs: number): number {
    if (nowMs - this.#sinceMs >= WINDOW_MS) {
      this.#sinceMs = nowMs;
      this.#base = target;
    }
    const most = Math.max(UP_FACTOR * this.#base, this.#base + UP_REPLICAS);
    const least = this.#base === 1 ? 0 : Math.ceil(this.#base / 2);
    return wanted > target
      ? Math.max(target, Math.min(wanted, most))
      : Math.min(target, Math.max(wanted, least));
  }
}
