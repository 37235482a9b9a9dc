// A workload by name or by file, as arrivals that a run can ask for.

import { ShoalError } from "../../../runtime/base/index.ts";
import type { Random } from "../kernel/random.ts";
import { type ArrivalStream, replayed } from "./arrivals.ts";
import { GENERATORS, isGeneratorName } from "./generators.ts";
import { LONGEST_SECONDS, readTrace, superposed } from "./trace-file.ts";

export interface WorkloadOptions {
  /** Mean requests per second; a trace is superposed to it. Default 100, or the trace's own. */
  readonly perSecond?: number;
  /** Default 60, or the trace's length. */
  readonly seconds?: number;
  /** Coefficient of variation of the time between arrivals, of `steady`. Default 1. */
  readonly cv?: number;
}

export interface Workload {
  readonly name: string;
  readonly seconds: number;
  readonly arrivals: (random: Random) => ArrivalStream;
}

const DEFAULT_RATE = 100;
const DEFAULT_SECONDS = 60;

/** `text` is the name of a generator or the path of a trace. */
export async function openWorkload(text: string, options: WorkloadOptions = {}): Promise<Workload> {
  const { perSecond, seconds, cv = 1 } = options;
  if (seconds !== undefined && seconds > LONGEST_SECONDS) {
    throw new ShoalError(
      "INVALID_CONFIG",
      `Cannot simulate ${seconds} seconds: wanted at most ${LONGEST_SECONDS}, 366 days`,
    );
  }
  if (isGeneratorName(text)) {
    const lasting = seconds ?? DEFAULT_SECONDS;
    const generator = GENERATORS[text];
    return {
      name: text,
      seconds: lasting,
      arrivals: (random) => generator({ perSecond: perSecond ?? DEFAULT_RATE, seconds: lasting, random, cv }),
    };
  }
  if (!/[./\\]/.test(text)) {
    throw new ShoalError(
      "INVALID_CONFIG",
      `Cannot simulate the workload "${text}": wanted a path or one of ${Object.keys(GENERATORS).join(", ")}`,
    );
  }
  const moments = await readTrace(text);
  const lengthSeconds = Math.max(1, Math.ceil((moments.at(-1) ?? 0) / 1_000));
  const copies = perSecond === undefined ? 1 : (perSecond * lengthSeconds) / moments.length;
  const name = text.replace(/^.*[/\\]/, "").replace(/\.csv$/, "");
  return {
    name,
    seconds: seconds ?? lengthSeconds,
    arrivals: (random) => replayed(copies === 1 ? moments : superposed(moments, copies, random)),
  };
}
