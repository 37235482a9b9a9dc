// Finds who has told nothing for too long.
//
// 1. Who looks late stood still itself, and has not read yet what was told meanwhile: it looks once more before it judges.

import type { Clock } from "../../runtime/base/index.ts";

export interface SilenceWatch<One> {
  readonly clock: Clock;
  readonly longestSilenceMs: number;
  /** Those that are to tell something, as of now. */
  readonly all: () => readonly One[];
  /** Since this one last told anything. */
  readonly silentMs: (one: One) => number;
  /** It has told nothing for `longestSilenceMs` or more; said at each look. */
  readonly onSilent: (one: One) => Promise<void>;
}

const LOOKS = 5;
/** A look is late from this share of the pause before it. */
const LATE = 2;

/** Looks several times within the longest silence, until `signal` aborts. */
export async function watchSilence<One>(
  { clock, longestSilenceMs, all, silentMs, onSilent }: SilenceWatch<One>,
  signal: AbortSignal,
): Promise<void> {
  const everyMs = longestSilenceMs / LOOKS;
  while (!signal.aborted) {
    const sinceMs = clock.nowMs();
    await clock.sleep(everyMs, signal).catch(() => undefined);
    if (clock.nowMs() - sinceMs > LATE * everyMs) continue; // invariant 1
    for (const one of all()) if (silentMs(one) >= longestSilenceMs) await onSilent(one);
  }
}
