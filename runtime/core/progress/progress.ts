// Shows how far a long fan-out has come while its completions are counted: a line redrawn in place on a terminal,
// elsewhere a line at the start and one at the end.
//
// 1. At most ten draws a second, however many completions there are; the time left is kept true without any.
// 2. However it ends, the line is gone from the terminal and no timer is left.

import type { Clock, Timer } from "../../base/index.ts";
import { type Progress, progressLine, progressSummary } from "./progress-line.ts";
import { type OutputSink, StatusLine } from "./status-line.ts";

export interface ProgressOptions {
  readonly stream: OutputSink;
  readonly clock: Pick<Clock, "nowMs" | "timer">;
  /** What is counted, such as a function's name. Default "tasks". */
  readonly label?: string;
  /** The line of the terminal to draw on, when others write there too. Default one of its own on `stream`. */
  readonly statusLine?: StatusLine;
  /** What is written where there is no terminal. Default "lines". */
  readonly withoutTerminal?: "lines" | "nothing";
}

const DRAW_EVERY_MS = 100;
/** Without a completion the line is drawn again after this long. */
const REFRESH_MS = 1_000;

/**
 * Counts `completions` until they end and shows the count. Resolves with the final count; rejects with what
 * `completions` throw.
 */
export async function renderProgress(
  total: number,
  completions: AsyncIterable<{ readonly failed: boolean }>,
  { stream, clock, label = "tasks", statusLine, withoutTerminal = "lines" }: ProgressOptions,
): Promise<Progress> {
  const startMs = clock.nowMs();
  let done = 0;
  let failed = 0;
  const progress = (): Progress => ({ label, done, failed, total, elapsedMs: clock.nowMs() - startMs });
  const terminal = stream.isTTY === true;
  const lines = !terminal && withoutTerminal === "lines";
  using _drawn = terminal ? drawEvery(clock, statusLine ?? new StatusLine(stream), progress) : undefined;
  if (lines) stream.write(`${label}: ${total} to do\n`);
  try {
    for await (const completion of completions) {
      done++;
      if (completion.failed) failed++;
    }
  } finally {
    if (lines) stream.write(`${progressSummary(progress())}\n`);
  }
  return progress();
}

/** Draws now and then as often as there is something new to show, until disposed of (invariants 1 and 2). */
function drawEvery(clock: ProgressOptions["clock"], line: StatusLine, progress: () => Progress): Disposable {
  let timer: Timer | undefined;
  let drawnMs = 0;
  let drawnDone = -1;
  const look = (): void => {
    timer = clock.timer(DRAW_EVERY_MS, look);
    const { done } = progress();
    if (done === drawnDone && clock.nowMs() - drawnMs < REFRESH_MS) return;
    drawnDone = done;
    drawnMs = clock.nowMs();
    line.show(progressLine(progress()));
  };
  look();
  return {
    [Symbol.dispose]: () => {
      timer?.cancel();
      line.hide();
    },
  };
}
