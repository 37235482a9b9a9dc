// Arrivals of a file: CSV with a time per line, in its first column or the one named TIMESTAMP or timestamp; a date with
// a time, in UTC unless it says otherwise, or seconds. Other columns are not looked at.
//
// 1. Times are taken from the first one on, in order whatever the file's order.
// 2. Superposed copies are each shifted by up to a second: the bursts stay together, as those of one audience do.
// 3. It is read piece by piece, so that a file may be larger than a text can be.

import { createReadStream } from "node:fs";
import { messageOf, ShoalError } from "../../../runtime/base/index.ts";
import type { Random } from "../kernel/random.ts";

const JITTER_MS = 1_000;
/** Of one line, in characters: what is longer is no trace. */
const LONGEST_LINE = 65_536;
/** Of a run: the load of each second is kept. */
export const LONGEST_SECONDS = 366 * 86_400;

/** Milliseconds from the first arrival on. Throws INVALID_CONFIG with the line. */
export async function readTrace(path: string): Promise<Float64Array> {
  const trace = new Trace(path);
  try {
    for await (const piece of createReadStream(path, { encoding: "utf8" })) trace.read(String(piece));
  } catch (cause) {
    if (cause instanceof ShoalError) throw cause;
    throw refused(path, `${messageOf(cause)}, wanted a CSV file`, cause);
  }
  return trace.moments();
}

export function parseTrace(text: string, path: string): Float64Array {
  const trace = new Trace(path);
  trace.read(text);
  return trace.moments();
}

class Trace {
  readonly #path: string;
  readonly #moments: number[] = [];
  #rest = "";
  #line = 0;
  #column: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** The next piece of the text (invariant 3). */
  read(piece: string): void {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#read(line);
    if (this.#rest.length > LONGEST_LINE)
      throw refused(this.#path, `line ${this.#line + 1} has more than ${LONGEST_LINE} characters`);
  }

  moments(): Float64Array {
    this.#read(this.#rest);
    const moments = Float64Array.from(this.#moments).sort(); // invariant 1
    const [first, last] = [moments[0], moments.at(-1)];
    if (first === undefined || last === undefined) throw refused(this.#path, "it has no arrivals");
    if (last - first > 1_000 * LONGEST_SECONDS) {
      const days = Math.ceil((last - first) / 86_400_000);
      throw refused(
        this.#path,
        `its times span ${days} days, wanted at most 366; numbers are taken for seconds`,
      );
    }
    return moments.map((moment) => moment - first);
  }

  #read(text: string): void {
    this.#line++;
    const line = this.#line === 1 ? text.replace(/^\uFEFF/, "") : text;
    if (line.trim() === "") return;
    const cells = line.split(",");
    if (this.#column === undefined) {
      const titled = /^[^\d+.-]/.test(cellOf(cells, 0));
      const titles = titled ? cells.map((_, index) => cellOf(cells, index).toLowerCase()) : [];
      this.#column = Math.max(0, titles.indexOf("timestamp"));
      if (titled) return;
    }
    const cell = cellOf(cells, this.#column);
    const moment = momentOf(cell);
    if (!Number.isFinite(moment))
      throw refused(this.#path, `found "${cell}" in line ${this.#line}, wanted a time or seconds`);
    this.#moments.push(moment);
  }
}

function cellOf(cells: readonly string[], index: number): string {
  return (cells[index] ?? "").trim().replace(/^"(.*)"$/, "$1");
}

function refused(path: string, what: string, cause?: unknown): ShoalError {
  return new ShoalError("INVALID_CONFIG", `Cannot read the trace "${path}": ${what}`, { cause });
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
  const [, day, time, fraction = "0", zone = "Z"] = DATE.exec(cell) ?? [];
  if (day === undefined) return Number.NaN;
  return Date.parse(`${day}T${time}${zone}`) + Number(`0.${fraction}`) * 1_000;
}

const DATE = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.](\d+))? ?(Z|[+-]\d\d:\d\d)?$/;
