// How the rate goes over a run, as data, and as pieces around a base rate. Steps, ramps and spikes are fixed;
// mmpp, conv, code and twitter are random, with the run's seed.
//
// 1. flat, square, mmpp, conv, code and twitter have the base rate as their long-run mean (twitter's steps come
//    on top); step, ramp, doubling and spikes begin at it.

import type { Random } from "../../models/random.ts";
import type { RatePiece } from "./rate-pieces.ts";

export type RateProfile =
  | { readonly kind: "flat" }
  /** `factor` times the rate from `atMs` on, until `untilMs` if given. */
  | { readonly kind: "step"; readonly atMs: number; readonly factor: number; readonly untilMs?: number }
  /** Straight from the rate at `fromMs` to `factor` times at `untilMs`; stays there. */
  | { readonly kind: "ramp"; readonly fromMs: number; readonly untilMs: number; readonly factor: number }
  /** Doubles every `everyMs` until it is `maxFactor` times the rate; stays there. */
  | { readonly kind: "doubling"; readonly everyMs: number; readonly maxFactor: number }
  /** Each period of `everyMs` ends with `lengthMs` at `factor` times the rate. */
  | { readonly kind: "spikes"; readonly everyMs: number; readonly lengthMs: number; readonly factor: number }
  /** On for `duty` (0 to 1) of each period, off for the rest. */
  | { readonly kind: "square"; readonly periodMs: number; readonly duty: number }
  /** States of exponential length, each with its share of the rate; the next is any other, equally likely. */
  | { readonly kind: "mmpp"; readonly factors: readonly number[]; readonly meansMs: readonly number[] }
  /** The synthetic stand-ins for real traces, time running `compress` times as fast. */
  | { readonly kind: "conv" | "code" | "twitter"; readonly compress?: number };

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A curve is drawn with so many straight pieces: per doubling, per day. */
const PIECES_PER_DOUBLING = 32;
const PIECES_PER_DAY = 1440;

/** The pieces of a profile around `base` arrivals a second; most have no end. */
export function ratePieces(profile: RateProfile, base: number, random: Random): Iterable<RatePiece> {
  switch (profile.kind) {
    case "flat":
      return [level(base)];
    case "step": {
      const { atMs, factor, untilMs = Number.POSITIVE_INFINITY } = profile;
      return [level(base, atMs), level(base * factor, untilMs - atMs), level(base)];
    }
    case "ramp": {
      const { fromMs, untilMs, factor } = profile;
      const slope = { durationMs: untilMs - fromMs, fromRate: base, toRate: base * factor };
      return [level(base, fromMs), slope, level(base * factor)];
    }
    case "doubling":
      return doublingPieces(profile.everyMs, profile.maxFactor, base);
    case "spikes": {
      const { everyMs, lengthMs, factor } = profile;
      return forEver([level(base, everyMs - lengthMs), level(base * factor, lengthMs)]);
    }
    case "square": {
      const { periodMs, duty } = profile;
      return forEver([level(base / duty, periodMs * duty), level(0, periodMs * (1 - duty))]);
    }
    case "mmpp":
      return mmppPieces(profile.factors, profile.meansMs, { base, random });
    case "conv":
      return faster(convPieces(base, random), profile.compress);
    case "code":
      return faster(codePieces(base, random), profile.compress);
    case "twitter":
      return faster(twitterPieces(base, random), profile.compress);
  }
}

function level(rate: number, durationMs = Number.POSITIVE_INFINITY): RatePiece {
  return { durationMs, fromRate: rate, toRate: rate };
}

function* forEver(pieces: readonly RatePiece[]): Generator<RatePiece, void> {
  for (;;) yield* pieces;
}

function* faster(pieces: Iterable<RatePiece>, compress = 1): Generator<RatePiece, void> {
  for (const { durationMs, ...rates } of pieces) yield { durationMs: durationMs / compress, ...rates };
}

function* doublingPieces(everyMs: number, maxFactor: number, base: number): Generator<RatePiece, void> {
  for (let index = 0; ; index++) {
    const from = 2 ** (index / PIECES_PER_DOUBLING);
    const to = 2 ** ((index + 1) / PIECES_PER_DOUBLING);
    if (to > maxFactor) break;
    yield { durationMs: everyMs / PIECES_PER_DOUBLING, fromRate: base * from, toRate: base * to };
  }
  yield level(base * maxFactor);
}

/** The chain is uniform over its states, so the share of time in each is that of its mean length. */
function* mmppPieces(
  factors: readonly number[],
  meansMs: readonly number[],
  { base, random }: { readonly base: number; readonly random: Random },
): Generator<RatePiece, void> {
  const totalMs = meansMs.reduce((sum, meanMs) => sum + meanMs, 0);
  const mean = factors.reduce((sum, factor, index) => sum + factor * (meansMs[index] ?? 0), 0) / totalMs;
  // Invariant 1: begins in a state as likely as it lasts.
  let threshold = random.uniform() * totalMs;
  let state = meansMs.findIndex((meanMs) => (threshold -= meanMs) < 0);
  if (state < 0) state = meansMs.length - 1;
  for (;;) {
    yield level((base * (factors[state] ?? 0)) / mean, exponential(meansMs[state] ?? 0, random));
    state = (state + 1 + Math.floor(random.uniform() * (factors.length - 1))) % factors.length;
  }
}

/** Poisson with an AR(1) log-rate, as chat traffic: step 5 s, memory 0.985, stationary deviation 0.26. */
function* convPieces(base: number, random: Random): Generator<RatePiece, void> {
  const memory = 0.985;
  const deviation = 0.26;
  for (let x = deviation * random.normal(); ; ) {
    yield level(base * Math.exp(x - deviation ** 2 / 2), 5 * SECOND_MS);
    x = memory * x + Math.sqrt(1 - memory ** 2) * deviation * random.normal();
  }
}

/** Bursts, as code completion: on 6 s and off 17 s on the average, each burst of its own lognormal height. */
function* codePieces(base: number, random: Random): Generator<RatePiece, void> {
  const [onMs, offMs, deviation] = [6 * SECOND_MS, 17 * SECOND_MS, 0.75];
  const height = (): number => Math.exp(deviation * random.normal() - deviation ** 2 / 2);
  for (let on = random.uniform() < onMs / (onMs + offMs); ; on = !on) {
    if (on) yield level(((base * (onMs + offMs)) / onMs) * height(), exponential(onMs, random));
    else yield level(0, exponential(offMs, random));
  }
}

/** A day with 19 % swing, and now and then (every 70 min) 5 to 10 min at 3.8 times the rate. */
function* twitterPieces(base: number, random: Random): Generator<RatePiece, void> {
  const swing = 0.19;
  const pieceMs = DAY_MS / PIECES_PER_DAY;
  let [stepMs, stepEndMs] = [exponential(70 * MINUTE_MS, random), 0];
  for (let index = 0; ; index++) {
    const nowMs = index * pieceMs;
    if (nowMs >= stepMs) {
      stepEndMs = nowMs + (5 + 5 * random.uniform()) * MINUTE_MS;
      stepMs = stepEndMs + exponential(70 * MINUTE_MS, random);
    }
    const factor = nowMs < stepEndMs ? 3.8 : 1;
    const rateAt = (at: number): number =>
      base * factor * (1 + swing * Math.sin((2 * Math.PI * at) / PIECES_PER_DAY));
    yield { durationMs: pieceMs, fromRate: rateAt(index), toRate: rateAt(index + 1) };
  }
}

function exponential(mean: number, random: Random): number {
  // Never zero: a piece has a length.
  return Math.max(Number.EPSILON, -mean * Math.log(1 - random.uniform()));
}
