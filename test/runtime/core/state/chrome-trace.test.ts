// The timeline as Chrome trace events: its shape, its tracks and its arrows.

import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import {
  chromeTrace,
  type TaskRow,
  TaskEvents,
  type TraceEvent,
  traceEvents,
  writeChromeTrace,
} from "../../../../runtime/core/state/index.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { checkProperty } from "../../../support/properties.ts";
import { PLACE, taskInfo, taskRow } from "./support.ts";

type Slice = Extract<TraceEvent, { ph: "X" }>;

function slices(events: readonly TraceEvent[]): Slice[] {
  return events.filter((event) => event.ph === "X");
}

/** The slice on an event's track at its time, as a viewer finds it. */
function sliceAt(all: readonly Slice[], event: TraceEvent & { ts: number }): Slice | undefined {
  return all.find(
    ({ pid, tid, ts, dur }) =>
      pid === event.pid && tid === event.tid && ts <= event.ts && event.ts <= ts + dur,
  );
}

describe("traceEvents", () => {
  it("makes a slice of each run, on the track of its worker", () => {
    const events = [
      ...traceEvents([
        taskRow("a"),
        taskRow("b", {
          workerId: "worker-2",
          workerPid: null,
          state: "FAILED",
          errorType: "X",
          errorMessage: "y",
        }),
        taskRow("c", { state: "PENDING_NODE_ASSIGNMENT", startTimeMs: null, endTimeMs: null }),
        taskRow("d", { startTimeMs: 1_030.1234, endTimeMs: null, state: "RUNNING" }),
        taskRow("e", { workerId: "worker-2", startTimeMs: 1_040, endTimeMs: 1_050 }),
      ]),
    ];
    const runs = slices(events).filter(({ cat }) => cat !== "driver");
    assert.deepEqual(
      runs.map(({ args, ts, dur, tid }) => [args["task_id"], ts, dur, tid]),
      [
        ["a", 1_010_000, 10_000, 2],
        ["b", 1_010_000, 10_000, 3],
        // The one still running lasts to the latest time told of.
        ["d", 1_030_123, 19_877, 2],
        ["e", 1_040_000, 10_000, 3],
      ],
    );
    assert.deepEqual(
      events.flatMap((event) =>
        event.ph === "M" ? [[event.name, event.pid, event.tid, event.args.name]] : [],
      ),
      [
        ["process_name", 2, 0, "node node-1"],
        ["thread_name", 2, 2, "worker worker-1 pid=17"],
        ["thread_name", 2, 3, "worker worker-2"],
        ["process_name", 1, 0, "driver"],
        ["thread_name", 1, 1, "driver"],
      ],
    );
    assert.deepEqual([runs[1]?.cname, runs[1]?.args["error"]], ["terrible", "X: y"]);
  });

  it("leads an arrow from the submitter's slice to the run (invariant 2)", () => {
    const events = [
      ...traceEvents([
        taskRow("child", { parentTaskId: "p", workerId: "w2", creationTimeMs: 1_012, startTimeMs: 1_014 }),
        taskRow("p", { name: "parent" }),
      ]),
    ];
    const all = slices(events);
    const arrows = events
      .filter((event) => event.ph === "s")
      .map((start) => {
        const end = events.find((event) => event.ph === "f" && event.id === start.id);
        assert(end?.ph === "f");
        return [sliceAt(all, start)?.args["task_id"] ?? "driver", sliceAt(all, end)?.args["task_id"]];
      });
    assert.deepEqual(arrows, [
      ["driver", "p"],
      ["p", "child"],
    ]);
  });

  it("puts no two slices of a track over each other, whatever ran when (invariant 1)", (test) => {
    const run = fc.record({
      worker: fc.nat(2),
      startMs: fc.double({ min: 1_000, max: 1_100, noNaN: true }),
      durationMs: fc.option(fc.double({ min: 0, max: 50, noNaN: true }), { nil: null }),
    });
    const property = fc.property(fc.array(run, { maxLength: 30 }), (runs) => {
      const rows: TaskRow[] = runs.map(({ worker, startMs, durationMs }, index) =>
        taskRow(String(index), {
          workerId: `w${worker}`,
          startTimeMs: startMs,
          endTimeMs: durationMs === null ? null : startMs + durationMs,
        }),
      );
      const all = slices([...traceEvents(rows)]).filter(({ cat }) => cat !== "driver");
      assert.equal(all.length, runs.length);
      const tracks = Map.groupBy(all, ({ pid, tid }) => `${pid}/${tid}`);
      for (const track of tracks.values()) {
        let freeFrom = 0;
        for (const { ts, dur } of track.toSorted(
          (left, right) => left.ts - right.ts || left.dur - right.dur,
        )) {
          assert(ts >= freeFrom && dur >= 0, `a slice at ${ts} begins before ${freeFrom}`);
          freeFrom = ts + dur;
        }
      }
    });
    checkProperty(test, property);
  });
});

describe("chromeTrace", () => {
  it("is JSON also when nothing ran", () => {
    assert.deepEqual(JSON.parse([...chromeTrace([])].join("")), { displayTimeUnit: "ms", traceEvents: [] });
  });

  it("writes 100,000 tasks in small pieces, each event as the format wants it (invariant 3)", async () => {
    const clock = new FakeClock();
    const events = new TaskEvents({ clock });
    for (let index = 0; index < 100_000; index++) {
      const handle = events.begin(taskInfo(`"${index}"\n`), "PENDING_NODE_ASSIGNMENT");
      events.place(handle, PLACE);
      events.enter(handle, "RUNNING");
      clock.advance(0.02);
      events.finish(handle);
    }
    for (const piece of chromeTrace(events.rows())) {
      assert(piece.length < 70_000, `a piece of ${piece.length} characters`);
    }
    await using folder = await mkdtempDisposable(join(tmpdir(), "shoal-trace-"));
    const path = join(folder.path, "timeline.json");
    await writeChromeTrace(events.rows(), createWriteStream(path));
    const trace: { traceEvents: Record<string, unknown>[] } = JSON.parse(await readFile(path, "utf8"));
    const counts: Record<string, number> = {};
    for (const event of trace.traceEvents) {
      const ph = String(event["ph"]);
      counts[ph] = (counts[ph] ?? 0) + 1;
      assert(typeof event["name"] === "string");
      const numbers =
        ph === "M" ? ["pid", "tid"] : ph === "X" ? ["pid", "tid", "ts", "dur"] : ["pid", "tid", "ts", "id"];
      for (const key of numbers)
        assert(Number.isSafeInteger(event[key]), `${key} of ${JSON.stringify(event)}`);
    }
    assert.deepEqual(counts, { X: 100_001, s: 100_000, f: 100_000, M: 4 });
  });

  it("stops writing when it is told to", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "shoal-trace-"));
    const to = createWriteStream(join(folder.path, "timeline.json"));
    await assert.rejects(writeChromeTrace([taskRow("a")], to, AbortSignal.abort()), { name: "AbortError" });
    assert(to.destroyed);
  });
});
