// When requests arrive: streams of moments, drawn one at a time, so that an hour of traffic takes no memory.
//
// 1. Moments do not go back, and Infinity is the end.
// 2. A rate that changes is a change of the clock the draws go by: the process keeps its burstiness at every rate.

import type { Random } from "../kernel/random.ts";

export interface ArrivalStream {
  /** The next arrival in milliseconds from the beginning. */
  next(): number;
}

/** Requests per second from a moment on, and until when. */
export interface RateStretch {
  readonly perSecond: number;
  readonly untilMs: number;
}

/** Unit-mean draws of the time between arrivals. */
export type Draw = () => number;

export function poissonDraws(random: Random): Draw {
  return () => random.exponential(1);
}

/** Gamma of a coefficient of variation: 1 is Poisson, 4 comes in bursts. */
export function gammaDraws(random: Random, cv: number): Draw {
  if (cv === 1) return poissonDraws(random);
  const shape = 1 / cv ** 2;
  return () => random.gamma(shape) / shape;
}

/** Weibull of a shape below 1: heavy-tailed pauses. */
export function weibullDraws(random: Random, shape: number): Draw {
  const mean = gammaFunction(1 + 1 / shape);
  return () => random.exponential(1) ** (1 / shape) / mean;
}

/** Arrivals at the rate of each stretch in turn (invariant 2); `stretch` is asked again when one is over. */
export function modulated(draw: Draw, stretch: (fromMs: number) => RateStretch | undefined): ArrivalStream {
  let nowMs = 0;
  let current = stretch(0);
  return {
    next() {
      let left = draw();
      while (current !== undefined) {
        const perMs = current.perSecond / 1_000;
        const room = (current.untilMs - nowMs) * perMs;
        if (left <= room) {
          nowMs += left / perMs;
          return nowMs;
        }
        left -= room;
        nowMs = current.untilMs;
        current = stretch(nowMs);
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

/** At one rate for ever. */
export function steady(draw: Draw, perSecond: number): ArrivalStream {
  return modulated(draw, () => ({ perSecond, untilMs: Number.POSITIVE_INFINITY }));
}

/** At a rate that is a function of the second, looked at every `stepMs`. */
export function following(draw: Draw, rate: (second: number) => number, stepMs = 1_000): ArrivalStream {
  return modulated(draw, (fromMs) => {
    const step = Math.floor(fromMs / stepMs + 0.5);
    return { perSecond: rate((step * stepMs) / 1_000), untilMs: (step + 1) * stepMs };
  });
}

/** Several streams as one. */
export function merged(streams: readonly ArrivalStream[]): ArrivalStream {
  const heap = streams.map((stream) => ({ stream, atMs: stream.next() })).sort((a, b) => a.atMs - b.atMs);
  return {
    next() {
      const first = heap[0];
      if (first === undefined) return Number.POSITIVE_INFINITY;
      const { atMs } = first;
      first.atMs = first.stream.next();
      let index = 0;
      for (;;) {
        const [left, right] = [heap[2 * index + 1], heap[2 * index + 2]];
        let below = 2 * index + 1;
        let child = left;
        if (right !== undefined && (child === undefined || right.atMs < child.atMs)) {
          below++;
          child = right;
        }
        if (child === undefined || child.atMs >= first.atMs) break;
        heap[index] = child;
        heap[below] = first;
        index = below;
      }
      return atMs;
    },
  };
}

/** Moments known beforehand, in order. */
export function replayed(momentsMs: ArrayLike<number>): ArrivalStream {
  let index = 0;
  return { next: () => momentsMs[index++] ?? Number.POSITIVE_INFINITY };
}

/** Lanczos. */
function gammaFunction(x: number): number {
  const terms = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  const y = x - 1;
  let sum = 0.9999999999998099;
  for (const [n, term] of terms.entries()) sum += term / (y + n + 1);
  const t = y + terms.length - 0.5;
  return Math.sqrt(2 * Math.PI) * t ** (y + 0.5) * Math.exp(-t) * sum;
}
