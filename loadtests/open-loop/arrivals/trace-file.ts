// Arrival times out of a trace file: CSV with or without a line of names, or JSON lines. A time is a number in a
// given unit or a date with time (`2023-11-16 18:17:03.9799600`, UTC unless it says otherwise).
//
// 1. What cannot be read is refused with file and line; nothing is skipped but empty lines.
// 2. Times count from the first arrival and ascend, in whatever order the lines were.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

export interface TraceColumn {
  /** A name, or a number from 0; by default the first column that is called timestamp, time or ts, else 0. */
  readonly column?: string;
  /** Of times that are numbers; seconds by default. */
  readonly unit?: TraceUnit;
}

export type TraceUnit = keyof typeof UNIT_MS;

export const UNIT_MS = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 } as const;

const USUAL_NAMES = ["timestamp", "time", "ts"];
const DATE = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))?$/;

/** Reads the arrivals of a file, in ms from the first. Throws an Error that says where and what was found. */
export async function readTrace(path: string, column: TraceColumn = {}): Promise<Float64Array> {
  const unitMs = UNIT_MS[column.unit ?? "s"];
  const times: number[] = [];
  let pick: ((line: string) => string | undefined) | undefined;
  let lineNumber = 0;
  for await (const text of createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    lineNumber++;
    const line = lineNumber === 1 ? text.replace(/^\uFEFF/, "") : text;
    if (line.trim() === "") continue;
    const where = `line ${lineNumber} of trace "${path}"`;
    if (pick === undefined) {
      const opened = /\.(?:jsonl|ndjson)$/.test(path) ? openJson(column) : openCsv(line, column, where);
      pick = opened.pick;
      if (opened.isHeading) continue;
    }
    const found = pick(line);
    const timeMs = found === undefined ? undefined : timeOf(found, unitMs);
    if (timeMs === undefined) {
      const shown =
        found === undefined ? JSON.stringify(line.slice(0, 80)) : JSON.stringify(found.slice(0, 40));
      throw new Error(`Cannot read ${where}: found ${shown}, wanted a number or a date with time`);
    }
    times.push(timeMs);
  }
  if (times.length === 0) throw new Error(`Cannot use trace "${path}": it has no arrivals`);
  const sorted = Float64Array.from(times).sort(); // invariant 2
  const [firstMs = 0] = sorted;
  return sorted.map((timeMs) => timeMs - firstMs);
}

interface Opened {
  readonly pick: (line: string) => string | undefined;
  readonly isHeading: boolean;
}

function openCsv(first: string, { column }: TraceColumn, where: string): Opened {
  const fields = fieldsOf(first);
  const isHeading = fields.every((field) => timeOf(field, 1) === undefined);
  const names = isHeading ? fields.map((name) => name.toLowerCase()) : [];
  let index =
    column === undefined
      ? names.findIndex((name) => USUAL_NAMES.includes(name))
      : names.indexOf(column.toLowerCase());
  if (index < 0 && column === undefined) index = 0;
  if (index < 0 && column !== undefined && /^\d+$/.test(column)) index = Number(column);
  if (index < 0 || index >= fields.length) {
    const wanted = isHeading ? `one of ${fields.join(", ")}` : `a number from 0 to ${fields.length - 1}`;
    throw new Error(`Cannot find column "${column}" in ${where}: wanted ${wanted}`);
  }
  return { isHeading, pick: (line) => fieldsOf(line)[index] };
}

function openJson({ column }: TraceColumn): Opened {
  const names = column === undefined ? USUAL_NAMES : [column];
  return {
    isHeading: false,
    pick: (line) => {
      const value = parsed(line);
      if (typeof value !== "object" || value === null) return undefined;
      const found: unknown = names
        .map((name) => Reflect.get(value, name) as unknown)
        .find((it) => it !== undefined);
      return typeof found === "string" || typeof found === "number" ? String(found) : undefined;
    },
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The fields of a CSV line; quotes around a field are taken off, a comma within them is part of it. */
function fieldsOf(line: string): string[] {
  return [...`,${line}`.matchAll(/,(?:\s*"((?:[^"]|"")*)"\s*|([^,]*))/g)].map(([, quoted, plain]) =>
    (quoted?.replaceAll('""', '"') ?? plain ?? "").trim(),
  );
}

/** In ms; a number counts in units of `unitMs`. Dates keep what is finer than a millisecond. */
function timeOf(field: string, unitMs: number): number | undefined {
  const date = DATE.exec(field);
  if (date !== null) {
    const [, year, month, day, hours, minutes, seconds, fraction = "0", sign, offHours, offMinutes] = date;
    const wholeMs = Date.UTC(
      Number(year),
      Number(month) - 1,
      Number(day),
      Number(hours),
      Number(minutes),
      Number(seconds),
    );
    const offMs = (Number(offHours ?? 0) * 60 + Number(offMinutes ?? 0)) * 60_000;
    return wholeMs + Number(fraction) * 1000 - (sign === "-" ? -offMs : offMs);
  }
  const number = field === "" ? Number.NaN : Number(field);
  return Number.isFinite(number) ? number * unitMs : undefined;
}
