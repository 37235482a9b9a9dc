// How much is asked for now, in rows per second: the largest of three windows, and the backlog on top.
//
// 1. The fast windows count with a lower confidence bound, stricter the shorter they are: chance does not start replicas,
//    a real step is seen within half a second.
// 2. What is more than can be done may wait as long as the objective has time to spare: a rate that fills that time only after
//    replicas for it could have been started needs none now. Over a minute, and in a rise, nothing can wait; nor may
//    a minute's mean take up more than a twentieth above the capacity, nor a surge more than three quarters of it, however much
//    peaks may. A rise to where it has been within two minutes is no surge: how far it goes is known.
// 3. A backlog beyond what is in time anyway has to be worked off while replicas start.

import type { LoadReading } from "../load/load-tracker.ts";
import { highestOfTwoMinutes } from "./recent-level.ts";

/** Windows of the fast term and how many standard deviations each has to clear. */
const FAST = [
  { windowMs: 500, deviations: 3 },
  { windowMs: 1_000, deviations: 2 },
  { windowMs: 2_000, deviations: 1 },
] as const;
const MID_MS = 10_000;
const SLOW_MS = 60_000;
const SHORTEST_WORK_OFF_MS = 2_000;
/** Fast demand above the slow one by so much is a burst. */
const BURST = 1.5;
/** And by so much a surge, which may well go on. */
const SURGE = 2;
/** Above the highest ten seconds of two minutes by less than that it is where it has been. */
const KNOWN = 1.2;
/** What lasts a minute may take up so much of the capacity, and a surge so much. */
const LASTING = 1.05;
const SURGING = 0.75;

export interface Demand {
  /** To be held against the capacity times the head-room. */
  readonly rowsPerSecond: number;
  /** Of which to work off the backlog. */
  readonly backlogPerSecond: number;
  /** The rest as it was measured, and the part of the capacity that it may take up. */
  readonly measuredPerSecond: number;
  readonly headRoom: number;
  /** The window whose rate was the largest. */
  readonly windowMs: number;
  /** A burst is being served: there is a backlog, or much more comes than did in the last minute. */
  readonly burst: boolean;
}

export interface Backlog {
  readonly queuedRows: number;
  /** Queued rows that are in time with what is ready now. */
  readonly rowsInTime: number;
  readonly startUpMs: number;
  /** How long a request may wait and be in time. */
  readonly spareMs: number;
  /** Part of the capacity that demand may take up. */
  readonly headRoom: number;
}

interface Rate {
  readonly rate: number;
  readonly windowMs: number;
  readonly headRoom: number;
}

export function demandOf(
  load: LoadReading,
  { queuedRows, rowsInTime, startUpMs, spareMs, headRoom }: Backlog,
): Demand {
  let fast = { rate: 0, windowMs: 0 };
  for (const { windowMs, deviations } of FAST) {
    const rate = load.rowsPerSecond(windowMs);
    const chance = deviations * Math.sqrt((rate * load.dispersion * 1_000) / windowMs); // invariant 1
    if (rate - chance > fast.rate) fast = { rate: rate - chance, windowMs };
  }
  const mid = { rate: load.rowsPerSecond(MID_MS), windowMs: MID_MS };
  const slow = {
    rate: load.rowsPerSecond(SLOW_MS),
    windowMs: SLOW_MS,
    headRoom: Math.min(headRoom, LASTING),
  };
  const excess = Math.max(0, queuedRows - rowsInTime);
  const rises = fast.rate > BURST * slow.rate;
  // What came in a window and in the start-up behind it may take the spare time longer (invariant 2); not in a rise, which goes on.
  const spared = rises ? 0 : spareMs;
  const surges = fast.rate > SURGE * slow.rate && fast.rate > KNOWN * highestOfTwoMinutes(load);
  const share = Math.min(headRoom, surges ? SURGING : headRoom);
  const borne = [fast, mid].map(({ rate, windowMs }) => ({
    rate: rate / (1 + spared / (windowMs + startUpMs)),
    windowMs,
    headRoom: share,
  }));
  const asked = ({ rate, headRoom: own }: Rate): number => (rate * headRoom) / own;
  const most = borne.reduce<Rate>((largest, one) => (asked(one) > asked(largest) ? one : largest), slow);
  const backlogPerSecond = (excess * 1_000) / Math.max(SHORTEST_WORK_OFF_MS, startUpMs); // invariant 3
  return {
    rowsPerSecond: asked(most) + backlogPerSecond,
    backlogPerSecond,
    measuredPerSecond: most.rate,
    headRoom: most.headRoom,
    windowMs: most.windowMs,
    burst: rises || excess > 0,
  };
}
