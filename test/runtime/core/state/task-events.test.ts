// What is recorded of tasks: their states and times, what is evicted, and what is counted as dropped.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { ShoalError } from "../../../../runtime/base/index.ts";
import { NOT_RECORDED, TaskEvents, type TaskHandle } from "../../../../runtime/core/state/index.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { checkProperty } from "../../../support/properties.ts";
import { PLACE, taskInfo } from "./support.ts";

describe("TaskEvents", () => {
  function recorder(capacity?: number): { clock: FakeClock; events: TaskEvents } {
    const clock = new FakeClock();
    return { clock, events: new TaskEvents({ clock, ...(capacity === undefined ? {} : { capacity }) }) };
  }

  it("keeps the states of an attempt with their times", () => {
    const { clock, events } = recorder();
    const startMs = clock.epochMs();
    const handle = events.begin(taskInfo("a", { parentTaskId: "p", name: "first" }), "PENDING_ARGS_AVAIL");
    clock.advance(0.5);
    events.enter(handle, "PENDING_NODE_ASSIGNMENT");
    clock.advance(1);
    events.place(handle, PLACE);
    events.enter(handle, "RUNNING", startMs + 2.25);
    clock.advance(8.5);
    events.finish(handle);
    assert.deepEqual(events.row(handle), {
      taskId: "a",
      attemptNumber: 0,
      name: "first",
      functionName: "square",
      state: "FINISHED",
      type: "NORMAL_TASK",
      parentTaskId: "p",
      actorId: null,
      nodeId: "node-1",
      workerId: "worker-1",
      workerPid: 17,
      requiredResources: { num_cpus: 1 },
      errorType: null,
      errorMessage: null,
      creationTimeMs: startMs,
      startTimeMs: startMs + 2.25,
      endTimeMs: startMs + 10,
      events: [
        { state: "PENDING_ARGS_AVAIL", atMs: startMs },
        { state: "PENDING_NODE_ASSIGNMENT", atMs: startMs + 0.5 },
        { state: "SUBMITTED_TO_WORKER", atMs: startMs + 1.5 },
        { state: "RUNNING", atMs: startMs + 2.25 },
        { state: "FINISHED", atMs: startMs + 10 },
      ],
    });
  });

  it("keeps an error of any length up to its limit", () => {
    const { events } = recorder();
    const handle = events.begin(taskInfo("a"), "PENDING_NODE_ASSIGNMENT");
    events.fail(handle, { type: "CALL_FAILED", message: "é".repeat(100_000) });
    const row = events.row(handle);
    assert.deepEqual([row?.state, row?.errorType, row?.startTimeMs], ["FAILED", "CALL_FAILED", null]);
    assert.equal(row?.errorMessage, `${"é".repeat(1_000)}…`);
  });

  it("evicts what ended first, what has not ended only when nothing has (invariant 1)", () => {
    const { events } = recorder(3);
    const [a, b, c] = ["a", "b", "c"].map((id) => events.begin(taskInfo(id), "PENDING_NODE_ASSIGNMENT"));
    events.finish(c ?? NOT_RECORDED);
    events.finish(b ?? NOT_RECORDED);
    const kept = (): string[] => Array.from(events.rows(), ({ taskId }) => taskId);
    events.begin(taskInfo("d"), "PENDING_NODE_ASSIGNMENT");
    assert.deepEqual(kept(), ["a", "b", "d"]);
    events.begin(taskInfo("e"), "PENDING_NODE_ASSIGNMENT");
    assert.deepEqual(kept(), ["a", "d", "e"]);
    events.begin(taskInfo("f"), "PENDING_NODE_ASSIGNMENT");
    assert.deepEqual(kept(), ["d", "e", "f"]);
    // Nothing of the evicted is found in what came in its place.
    assert(Array.from(events.rows()).every((row) => row.events.length === 1 && row.endTimeMs === null));
    events.finish(a ?? NOT_RECORDED);
    assert.deepEqual(events.stats(), {
      recorded: 6,
      kept: 3,
      evicted: 3,
      evictedUnended: 1,
      droppedEvents: 1,
    });
  });

  it("lets nothing follow an end (invariant 3)", () => {
    const { events } = recorder();
    const handle = events.begin(taskInfo("a"), "PENDING_NODE_ASSIGNMENT");
    events.finish(handle);
    const ended = events.row(handle);
    events.enter(handle, "RUNNING");
    events.place(handle, PLACE);
    events.fail(handle, { type: "X", message: "" });
    assert.deepEqual(events.row(handle), ended);
    assert.equal(events.stats().droppedEvents, 3);
  });

  it("leaves out of a listing under way what is evicted meanwhile", () => {
    const { events } = recorder(2);
    for (const id of ["a", "b"]) events.finish(events.begin(taskInfo(id), "PENDING_NODE_ASSIGNMENT"));
    const rows = events.rows();
    assert.equal(rows.next().value?.taskId, "a");
    events.begin(taskInfo("c"), "PENDING_NODE_ASSIGNMENT");
    events.begin(taskInfo("d"), "PENDING_NODE_ASSIGNMENT");
    assert.equal(rows.next().done, true);
  });

  it("records nothing when it is off, nor of what is not recorded", () => {
    const off = new TaskEvents({ clock: new FakeClock(), enabled: false });
    const { events } = recorder();
    for (const recorder of [off, events]) {
      recorder.enter(NOT_RECORDED, "RUNNING");
      recorder.place(NOT_RECORDED, PLACE);
      recorder.fail(NOT_RECORDED, { type: "X", message: "" });
    }
    assert.equal(off.begin(taskInfo("a"), "PENDING_NODE_ASSIGNMENT"), NOT_RECORDED);
    const none = { recorded: 0, kept: 0, evicted: 0, evictedUnended: 0, droppedEvents: 0 };
    assert.deepEqual([off.stats(), [...off.rows()]], [none, []]);
    assert.deepEqual([events.stats(), [...events.rows()]], [none, []]);
  });

  it("refuses a capacity that is none", () => {
    for (const capacity of [0, -1, 1.5, Number.NaN, 1e9]) {
      assert.throws(
        () => recorder(capacity),
        (error) => error instanceof ShoalError && error.code === "INVALID_ARGUMENT",
      );
    }
  });

  it("keeps 100,000 attempts, bounded and found again, after a million", () => {
    const { events } = recorder();
    let last: TaskHandle = NOT_RECORDED;
    for (let index = 0; index < 1_000_000; index++) {
      last = events.begin(taskInfo(String(index)), "PENDING_NODE_ASSIGNMENT");
      events.finish(last);
    }
    assert.deepEqual([events.stats().kept, events.stats().evicted], [100_000, 900_000]);
    assert.equal(events.row(last)?.taskId, "999999");
    assert.equal(events.rows().next().value?.taskId, "900000");
  });

  it("agrees with a plain list about what is kept, whatever happens (invariants 1 to 3)", (test) => {
    const step = fc.oneof(
      fc.constant("begin" as const),
      fc.record({ act: fc.constantFrom("finish", "fail", "enter"), which: fc.nat(40) }),
    );
    const property = fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(step, { maxLength: 80 }),
      (capacity, steps) => {
        const { events } = recorder(capacity);
        const handles: TaskHandle[] = [];
        /** By age; `ended` is the rank of the end. */
        let model: { id: number; ended: number; state: string }[] = [];
        let ends = 0;
        let dropped = 0;
        for (const next of steps) {
          if (next === "begin") {
            if (model.length === capacity) {
              const evicted = model.toSorted(
                (left, right) => left.ended - right.ended || left.id - right.id,
              )[0];
              model = model.filter((attempt) => attempt !== evicted);
            }
            model.push({ id: handles.length, ended: Number.MAX_VALUE, state: "PENDING_NODE_ASSIGNMENT" });
            handles.push(events.begin(taskInfo(String(handles.length)), "PENDING_NODE_ASSIGNMENT"));
            continue;
          }
          const handle = handles[next.which];
          if (handle === undefined) continue;
          const kept = model.find(({ id, ended }) => id === next.which && ended === Number.MAX_VALUE);
          if (next.act === "enter") events.enter(handle, "RUNNING");
          if (next.act === "finish") events.finish(handle);
          if (next.act === "fail") events.fail(handle, { type: "X", message: "" });
          if (kept === undefined) {
            dropped++;
            continue;
          }
          kept.state = { enter: "RUNNING", finish: "FINISHED", fail: "FAILED" }[next.act] ?? "";
          if (next.act !== "enter") kept.ended = ends++;
        }
        assert.deepEqual(
          Array.from(events.rows(), ({ taskId, state }) => ({ id: Number(taskId), state })),
          model.map(({ id, state }) => ({ id, state })),
        );
        const { recorded, kept, evicted, droppedEvents } = events.stats();
        assert.deepEqual([kept, droppedEvents, recorded - evicted], [model.length, dropped, kept]);
      },
    );
    checkProperty(test, property, 500);
  });
});
