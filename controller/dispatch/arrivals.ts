// How much is asked for, refused requests included, and how much of it is turned away.
//
// 1. Demand is what arrives: shedding must not hide the demand that caused it.
// 2. It rises at once and falls slowly: too large a batch costs a little time, too small a one a backlog.

const BUCKET_MS = 50;
/** A rate is over at least so long. */
const FIRST_MS = 20;
/** A bucket counts for so much in the mean: half a second or so. */
const RATE = 0.085;
/** And in what is held against the capacity: a fifth of a second. */
const RECENT_RATE = 0.22;
/** So many standard deviations of chance are taken off what a single bucket says. */
const CHANCE = 2;
/** Of the last few hundred: replicas that finish together take hundreds in a row before the next are turned away. */
const SHED_RATE = 0.005;
const MANY = 0.05;

export class Arrivals {
  #bucketMs = Number.NEGATIVE_INFINITY;
  #rows = 0;
  #perSecond = 0;
  #recent = 0;
  /** What the last bucket says, chance taken off. */
  #latest = 0;
  #shed = 0;
  #seeded = false;

  /** Rows of a request that came, whatever becomes of it. */
  add(rows: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#rows += rows;
  }

  /** Rows per second that batches are to be enough for; from the first moments on, if only roughly. */
  perSecondAt(nowMs: number): number {
    this.#advance(nowMs);
    if (!this.#seeded) return this.#firstPerSecond(nowMs);
    return Math.max(this.#perSecond, this.#latest); // invariant 2
  }

  /** Rows per second over the last fifth of a second or so: short bursts and pauses are evened out. */
  recentPerSecondAt(nowMs: number): number {
    this.#advance(nowMs);
    return this.#seeded ? this.#recent : this.#firstPerSecond(nowMs);
  }

  /** A request was sent to a replica, or turned away for want of capacity. */
  ended(shed: boolean): void {
    this.#shed += SHED_RATE * (Number(shed) - this.#shed);
  }

  /** More than one in twenty was turned away of late. */
  get turnsAway(): boolean {
    return this.#shed > MANY;
  }

  #firstPerSecond(nowMs: number): number {
    return (this.#rows * 1_000) / Math.max(FIRST_MS, nowMs - this.#bucketMs);
  }

  #advance(nowMs: number): void {
    if (this.#bucketMs === Number.NEGATIVE_INFINITY) this.#bucketMs = nowMs;
    const buckets = Math.floor((nowMs - this.#bucketMs) / BUCKET_MS);
    if (buckets <= 0) return;
    const perSecond = (this.#rows * 1_000) / BUCKET_MS;
    this.#perSecond = this.#seeded ? this.#perSecond + RATE * (perSecond - this.#perSecond) : perSecond;
    this.#recent = this.#seeded ? this.#recent + RECENT_RATE * (perSecond - this.#recent) : perSecond;
    this.#seeded = true;
    const rows = buckets > 1 ? 0 : this.#rows;
    this.#latest = (Math.max(0, rows - CHANCE * Math.sqrt(rows)) * 1_000) / BUCKET_MS;
    this.#perSecond *= (1 - RATE) ** (buckets - 1); // the others were empty
    this.#recent *= (1 - RECENT_RATE) ** (buckets - 1);
    this.#rows = 0;
    this.#bucketMs += buckets * BUCKET_MS;
  }
}
