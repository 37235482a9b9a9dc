// Arrivals of a file: CSV with a time per line, in its first column or the one named TIMESTAMP or timestamp; a date with
// a time, or seconds. Other columns are not looked at.
//
// 1. Times are taken from the first one on, in order whatever the file's order.
// 2. Superposed copies are each shifted by up to a second: the bursts stay together, as those of one audience do.

import { readFile } from "node:fs/promises";
import { ShoalError } from "../../../runtime/base/index.ts";
import type { Random } from "../kernel/random.ts";

const JITTER_MS = 1_000;

/** Milliseconds from the first arrival on. */
export async function readTrace(path: string): Promise<Float64Array> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new ShoalError("INVALID_CONFIG", `Cannot read the trace "${path}": wanted a CSV file`, { cause });
  }
  return parseTrace(text, path);
}

export function parseTrace(text: string, path: string): Float64Array {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const titles = (lines[0] ?? "").split(",").map((title) => title.trim().toLowerCase());
  const titled = Number.isNaN(momentOf(titles[0] ?? ""));
  const column = Math.max(0, titles.indexOf("timestamp"));
  const moments = new Float64Array(Math.max(0, lines.length - (titled ? 1 : 0)));
  for (let n = 0; n < moments.length; n++) {
    const line = n + (titled ? 1 : 0);
    const cell = (lines[line] ?? "").split(",")[column]?.trim() ?? "";
    const moment = momentOf(cell);
    if (Number.isNaN(moment)) {
      throw new ShoalError(
        "INVALID_CONFIG",
        `Cannot read the trace "${path}": found "${cell}" in line ${line + 1}, wanted a time or seconds`,
      );
    }
    moments[n] = moment;
  }
  if (moments.length === 0) {
    throw new ShoalError("INVALID_CONFIG", `Cannot read the trace "${path}": it has no arrivals`);
  }
  moments.sort(); // invariant 1
  const first = moments[0] ?? 0;
  return moments.map((moment) => moment - first);
}

/** `copies` times the arrivals of a trace (invariant 2). A fraction is a copy of which only so many are kept. */
export function superposed(momentsMs: Float64Array, copies: number, random: Random): Float64Array {
  const whole = Math.floor(copies);
  const all: number[] = [];
  for (let copy = 0; copy < Math.ceil(copies); copy++) {
    const kept = copy < whole ? 1 : copies - whole;
    for (const moment of momentsMs) {
      if (kept === 1 || random.next() < kept) all.push(moment + JITTER_MS * random.next());
    }
  }
  return Float64Array.from(all).sort();
}

/** Milliseconds of a cell; NaN when it is no time. */
function momentOf(cell: string): number {
  if (cell === "") return Number.NaN;
  const seconds = Number(cell);
  if (!Number.isNaN(seconds)) return seconds * 1_000;
  // Sub-millisecond digits, which Date does not read, as in 2023-11-16 18:17:03.9799600.
  const [, whole, fraction = "0"] = /^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:[.](\d+))?Z?$/.exec(cell) ?? [];
  if (whole === undefined) return Number.NaN;
  return Date.parse(`${whole.replace(" ", "T")}Z`) + Number(`0.${fraction}`) * 1_000;
}
