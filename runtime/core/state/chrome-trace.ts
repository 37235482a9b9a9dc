// The timeline of tasks as Chrome trace events, as `ray timeline`: for chrome://tracing and ui.perfetto.dev.
// https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (Trace Event Format)
//
// 1. On one track no two slices overlap: calls that a worker ran at the same time are on tracks beside each other.
// 2. An arrow leads from the slice of who submitted a task to the slice of its run.
// 3. The text is written in pieces; it never exists as one string.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TaskRow } from "./rows.ts";

/** Times in microseconds. Processes are nodes, threads are workers. */
export type TraceEvent = {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
} & (
  | { readonly ph: "M"; readonly args: { readonly name: string } }
  | {
      readonly ph: "X";
      readonly cat: string;
      readonly ts: number;
      readonly dur: number;
      /** A colour of the viewer's, for what failed. */
      readonly cname?: "terrible";
      readonly args: Readonly<Record<string, unknown>>;
    }
  | { readonly ph: "s"; readonly cat: "submit"; readonly id: number; readonly ts: number }
  | { readonly ph: "f"; readonly cat: "submit"; readonly id: number; readonly ts: number; readonly bp: "e" }
);

const PIECE_CHARS = 64 * 1024;
const DRIVER = { pid: 1, tid: 1 };

/**
 * The trace as JSON text, in pieces of about 64 KiB. Attempts that never ran are left out; one that still runs lasts to
 * the latest time in the rows.
 */
export function* chromeTrace(rows: Iterable<TaskRow>): Generator<string, void, undefined> {
  let piece = '{"displayTimeUnit":"ms","traceEvents":[';
  let separator = "\n";
  for (const event of traceEvents(rows)) {
    piece += separator + JSON.stringify(event);
    separator = ",\n";
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = "";
  }
  yield `${piece}\n]}\n`;
}

/** Writes the trace at the pace of `to` and ends it. */
export async function writeChromeTrace(
  rows: Iterable<TaskRow>,
  to: NodeJS.WritableStream,
  signal?: AbortSignal,
): Promise<void> {
  await pipeline(Readable.from(chromeTrace(rows)), to, signal === undefined ? {} : { signal });
}

/** The same as `chromeTrace`, as data. */
export function* traceEvents(rows: Iterable<TaskRow>): Generator<TraceEvent, void, undefined> {
  const { runs, untilMs } = runsOf(rows);
  if (runs.length === 0) return;
  const tracks = new Tracks();
  /** Where a task's latest attempt runs. Parents begin before their children, so they are found here. */
  const placeOf = new Map<string, { readonly pid: number; readonly tid: number }>();
  let firstMs = untilMs;
  let id = 0;
  for (const { row, startMs, endMs } of runs) {
    const { place, opened } = tracks.place(row, startMs, endMs);
    yield* opened;
    const [ts, end] = [microseconds(startMs), microseconds(endMs)];
    yield {
      name: row.name,
      cat: row.type,
      ph: "X",
      ...place,
      ts,
      dur: end - ts,
      ...(row.state === "FAILED" ? { cname: "terrible" } : {}),
      args: argsOf(row, startMs),
    };
    // Invariant 2.
    const from = (row.parentTaskId === null ? undefined : placeOf.get(row.parentTaskId)) ?? DRIVER;
    const flow = { name: "submit", cat: "submit", id: ++id } as const;
    yield { ...flow, ph: "s", ...from, ts: microseconds(row.creationTimeMs) };
    yield { ...flow, ph: "f", ...place, ts, bp: "e" };
    placeOf.set(row.taskId, place);
    firstMs = Math.min(firstMs, row.creationTimeMs);
  }
  yield* driverEvents(firstMs, untilMs);
}

interface Run {
  readonly row: TaskRow;
  readonly startMs: number;
  readonly endMs: number;
}

/** What ran, in order of start, and the latest time told of. */
function runsOf(rows: Iterable<TaskRow>): { readonly runs: readonly Run[]; readonly untilMs: number } {
  const started: TaskRow[] = [];
  let untilMs = 0;
  for (const row of rows) {
    if (row.startTimeMs !== null) started.push(row);
    untilMs = Math.max(untilMs, row.events.at(-1)?.atMs ?? 0);
  }
  const runs = started
    .map((row) => {
      const startMs = row.startTimeMs ?? 0;
      return { row, startMs, endMs: Math.max(startMs, row.endTimeMs ?? untilMs) };
    })
    .sort((left, right) => left.startMs - right.startMs);
  return { runs, untilMs };
}

interface Lane {
  readonly tid: number;
  endMs: number;
}

/** Numbers nodes and workers, and gives each run a track where it overlaps none (invariant 1). */
class Tracks {
  readonly #pids = new Map<string, number>();
  readonly #lanes = new Map<string, Lane[]>();
  #lastTid = DRIVER.tid;

  /** Runs must come in order of start. `opened` names what is new. */
  place(
    row: TaskRow,
    startMs: number,
    endMs: number,
  ): {
    readonly place: { readonly pid: number; readonly tid: number };
    readonly opened: readonly TraceEvent[];
  } {
    const opened: TraceEvent[] = [];
    const nodeId = row.nodeId ?? "unknown";
    let pid = this.#pids.get(nodeId);
    if (pid === undefined) {
      pid = DRIVER.pid + this.#pids.size + 1;
      this.#pids.set(nodeId, pid);
      opened.push({ name: "process_name", ph: "M", pid, tid: 0, args: { name: `node ${nodeId}` } });
    }
    const worker = `${nodeId}/${row.workerId ?? "unknown"}`;
    const lanes = this.#lanes.get(worker) ?? [];
    this.#lanes.set(worker, lanes);
    let lane = lanes.find((free) => free.endMs <= startMs);
    if (lane === undefined) {
      lane = { tid: ++this.#lastTid, endMs };
      const beside = lanes.push(lane) === 1 ? "" : ` #${lanes.length}`;
      const name = `worker ${row.workerId ?? "unknown"}${row.workerPid === null ? "" : ` pid=${row.workerPid}`}`;
      opened.push({ name: "thread_name", ph: "M", pid, tid: lane.tid, args: { name: name + beside } });
    }
    lane.endMs = endMs;
    return { place: { pid, tid: lane.tid }, opened };
  }
}

/** The driver is one slice over everything, so that arrows have where to start. */
function* driverEvents(firstMs: number, untilMs: number): Generator<TraceEvent> {
  yield { name: "process_name", ph: "M", pid: DRIVER.pid, tid: 0, args: { name: "driver" } };
  yield { name: "thread_name", ph: "M", ...DRIVER, args: { name: "driver" } };
  const ts = microseconds(firstMs);
  yield { name: "driver", cat: "driver", ph: "X", ...DRIVER, ts, dur: microseconds(untilMs) - ts, args: {} };
}

function argsOf(row: TaskRow, startMs: number): Readonly<Record<string, unknown>> {
  return {
    task_id: row.taskId,
    function: row.functionName,
    state: row.state,
    attempt: row.attemptNumber,
    waited_ms: startMs - row.creationTimeMs,
    ...(row.actorId === null ? {} : { actor_id: row.actorId }),
    ...(row.parentTaskId === null ? {} : { parent_task_id: row.parentTaskId }),
    ...(row.errorType === null ? {} : { error: `${row.errorType}: ${row.errorMessage ?? ""}` }),
  };
}

/** Rounded before durations are taken, so that rounding makes no two slices overlap. */
function microseconds(ms: number): number {
  return Math.round(ms * 1_000);
}
