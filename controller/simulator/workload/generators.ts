// Traffic by name, made from a seed. The figures are those of published traces: Azure LLM 2023 (conversation, code),
// ServeGen's clients, a Twitter stream, Azure Functions; and shapes that are hard on purpose.
//
// 1. The same seed gives the same arrivals, whatever serves them.
// 2. `perSecond` is the mean over long runs; for shapes that start low, of the low level.

import type { Random } from "../kernel/random.ts";
import {
  type ArrivalStream,
  following,
  gammaDraws,
  merged,
  modulated,
  poissonDraws,
  type RateStretch,
  steady,
  weibullDraws,
} from "./arrivals.ts";

export interface GeneratorOptions {
  readonly perSecond: number;
  readonly seconds: number;
  readonly random: Random;
  /** Coefficient of variation of the time between arrivals; of `steady` only. Default 1. */
  readonly cv?: number;
}

type Generator = (options: GeneratorOptions) => ArrivalStream;

/** Log-rate as AR(1) in steps of 5 s: I(1, 10, 60, 300 s) of about 1.3, 3.9, 17 and 66 at 5.5 a second; the trace 1.4, 3.9, 16, 62. */
const conversation: Generator = ({ perSecond, random }) => {
  const [persistence, deviation] = [0.985, 0.25];
  const levels = random.fork("levels");
  let level = deviation * levels.normal();
  return modulated(poissonDraws(random.fork("gaps")), (fromMs) => {
    level = persistence * level + deviation * Math.sqrt(1 - persistence ** 2) * levels.normal();
    return { perSecond: perSecond * Math.exp(level - deviation ** 2 / 2), untilMs: fromMs + 5_000 };
  });
};

/** On for 6 s and off for 17 s in the mean, each time at another rate: 72 % of seconds are empty at 2.6 a second, the trace 73 %. */
const code: Generator = ({ perSecond, random }) => {
  const [onMs, offMs] = [6_000, 17_000];
  const duty = onMs / (onMs + offMs);
  const levels = random.fork("levels");
  const strength = (): number => Math.exp(0.75 * levels.normal() - 0.75 ** 2 / 2);
  let on = levels.next() > duty;
  return modulated(poissonDraws(random.fork("gaps")), (fromMs): RateStretch => {
    on = !on;
    if (!on) return { perSecond: 0, untilMs: fromMs + levels.exponential(offMs) };
    return { perSecond: (perSecond / duty) * strength(), untilMs: fromMs + levels.exponential(onMs) };
  });
};

/** Clients of very different rates, each bursty in its own way and silent more than half of the time. */
const clients: Generator = ({ perSecond, random, seconds }) => {
  const count = 80;
  const idle = 0.55;
  const windowMs = Math.min(600_000, (seconds * 1_000) / 6);
  const weights = Array.from({ length: count }, (_, rank) => (rank + 1) ** -1.1);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return merged(
    weights.map((weight, rank) => {
      const own = random.fork(`client ${rank}`);
      // Median 1.2, nine in ten below 5.
      const cv = Math.min(12, 1.2 * Math.exp(1.11 * own.normal()));
      const gaps = own.fork("gaps");
      const draw = own.next() < 0.8 ? gammaDraws(gaps, cv) : weibullDraws(gaps, Math.min(1, 1 / cv ** 0.7));
      return modulated(draw, (fromMs) => {
        const active = own.next() >= idle ? 1 / (1 - idle) : 0;
        const day = 1 + 0.6 * Math.sin((2 * Math.PI * fromMs) / (seconds * 1_000));
        return { perSecond: (perSecond * weight * active * day) / all, untilMs: fromMs + windowMs };
      });
    }),
  );
};

/** A gentle day, with steps to 3.8 times as much for 5 to 10 minutes about once in 70. */
const twitter: Generator = ({ perSecond, random, seconds }) => {
  const events = random.fork("events");
  let stepFrom = events.exponential(70 * 60);
  let stepUntil = stepFrom + 300 + 300 * events.next();
  return following(poissonDraws(random.fork("gaps")), (second) => {
    if (second >= stepUntil) {
      stepFrom = stepUntil + events.exponential(70 * 60);
      stepUntil = stepFrom + 300 + 300 * events.next();
    }
    const day = 1 + 0.19 * Math.sin((2 * Math.PI * second) / Math.min(86_400, seconds));
    return perSecond * day * (second >= stepFrom ? 3.8 : 1);
  });
};

/** Many functions over five decades of rate, half of them timers that fire together. */
const functions: Generator = ({ perSecond, random }) => {
  const count = 60;
  const draws = random.fork("rates");
  const weights = Array.from({ length: count }, () => 10 ** (1.25 * draws.normal()));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return merged(
    weights.map((weight, index) => {
      const own = random.fork(`function ${index}`);
      const rate = (perSecond * weight) / all;
      return own.next() < 0.5 ? timers(rate) : steady(poissonDraws(own), rate);
    }),
  );
};

/** As many as come in a period come at its start: every minute, or every ten. */
function timers(perSecond: number): ArrivalStream {
  const periodMs = perSecond * 60 >= 1 ? 60_000 : 600_000;
  const each = (perSecond * periodMs) / 1_000;
  let [period, left, owed] = [0, 0, 0];
  return {
    next() {
      while (left < 1) {
        owed += each;
        left = Math.floor(owed);
        owed -= left;
        period++;
      }
      left--;
      return period * periodMs;
    },
  };
}

const shaped =
  (rate: (second: number, seconds: number) => number): Generator =>
  ({ perSecond, random, seconds }) =>
    following(poissonDraws(random.fork("gaps")), (second) => perSecond * rate(second, seconds), 250);

export const GENERATORS = {
  steady: ({ perSecond, random, cv = 1 }: GeneratorOptions) =>
    steady(gammaDraws(random.fork("gaps"), cv), perSecond),
  conversation,
  code,
  clients,
  twitter,
  functions,
  /** Up and down by 80 % once an hour. */
  diurnal: shaped((second) => 1 + 0.8 * Math.sin((2 * Math.PI * second) / 3_600)),
  /** Eight times as much from a third on, a half more than at first from two thirds on. */
  step: shaped((second, seconds) => (second < seconds / 3 ? 1 : second < (2 * seconds) / 3 ? 8 : 1.5)),
  /** 7.5 times as much for 15 s every 5 minutes. */
  spikes: shaped((second) => (second % 300 >= 150 && second % 300 < 165 ? 7.5 : 1)),
  /** Doubles every 30 s from a tenth on, up to 32 times. */
  ramp: shaped((second, seconds) => Math.min(32, 2 ** Math.max(0, (second - seconds / 10) / 30))),
  /** On and off at about the time for which unneeded replicas are kept. */
  resonance: shaped((second) => (second % 66 < 33 ? 5 : 0.5)),
} satisfies Record<string, Generator>;

export type GeneratorName = keyof typeof GENERATORS;

export function isGeneratorName(name: string): name is GeneratorName {
  return Object.hasOwn(GENERATORS, name);
}
