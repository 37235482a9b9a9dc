// Filters, limits and summaries of rows.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { ShoalError } from "../../../../runtime/base/index.ts";
import {
  type ActorRow,
  type ObjectRow,
  parseFilter,
  queryRows,
  summarizeActors,
  summarizeObjects,
  summarizeTasks,
} from "../../../../runtime/core/state/index.ts";
import { checkProperty } from "../../../support/properties.ts";
import { taskRow } from "./support.ts";

function refused(pattern: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof ShoalError && error.code === "INVALID_ARGUMENT" && pattern.test(error.message);
}

describe("parseFilter", () => {
  it("reads both operators, and = in a value", () => {
    assert.deepEqual(parseFilter("state=RUNNING"), { column: "state", operator: "=", value: "RUNNING" });
    assert.deepEqual(parseFilter("task_id != a=b"), { column: "task_id", operator: "!=", value: "a=b" });
    assert.deepEqual(parseFilter("errorType="), { column: "errorType", operator: "=", value: "" });
  });

  it("refuses what is none", () => {
    for (const text of ["", "state", "=x", "state>3", "!=", "a b=c"]) {
      assert.throws(() => parseFilter(text), refused(/Cannot filter by/), text);
    }
  });
});

describe("queryRows", () => {
  const rows = [
    taskRow("a"),
    taskRow("b", { state: "RUNNING", endTimeMs: null, attemptNumber: 1 }),
    taskRow("c", { state: "FAILED", errorType: "OUT_OF_MEMORY", name: "big" }),
  ];
  function ids(...filters: string[]): string[] {
    return queryRows("tasks", rows, { filters: filters.map(parseFilter) }).rows.map(({ taskId }) => taskId);
  }

  it("returns rows for which all filters hold", () => {
    assert.deepEqual(ids(), ["a", "b", "c"]);
    assert.deepEqual(ids("state=running"), ["b"]);
    assert.deepEqual(ids("state!=RUNNING"), ["a", "c"]);
    assert.deepEqual(ids("state!=RUNNING", "name=square"), ["a"]);
    assert.deepEqual(ids("attempt_number=1"), ["b"]);
    assert.deepEqual(ids("error_type="), ["a", "b"]);
    assert.deepEqual(ids("errorType!="), ["c"]);
  });

  it("refuses a column there is not, also for no rows (invariant 1)", () => {
    for (const column of ["colour", "requiredResources", "__proto__"]) {
      const filters = [{ column, operator: "=", value: "x" } as const];
      assert.throws(() => queryRows("tasks", [], { filters }), refused(/wanted one of taskId, /), column);
    }
    assert.deepEqual(queryRows("nodes", [], { filters: [parseFilter("is_head_node=true")] }).rows, []);
  });

  it("cuts at the limit and says so (invariant 2)", () => {
    const many = Array.from({ length: 250 }, (_, index) =>
      taskRow(String(index), { state: index % 2 === 0 ? "FINISHED" : "FAILED" }),
    );
    const cut = queryRows("tasks", many);
    assert.deepEqual([cut.rows.length, cut.total, cut.matched], [100, 250, 250]);
    assert.match(cut.note ?? "", /^100 of 250 tasks shown, 150 cut/);
    const failed = queryRows("tasks", many, { filters: [parseFilter("state=FAILED")], limit: 125 });
    assert.deepEqual([failed.rows.length, failed.matched, failed.note], [125, 125, undefined]);
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => queryRows("tasks", many, { limit }), refused(/whole number/));
    }
  });

  it("puts each row on one side of a filter", (test) => {
    const text = fc.constantFrom("", "a", "A", "b", "RUNNING");
    const property = fc.property(fc.array(text), text, (names, value) => {
      const all = names.map((name, index) => taskRow(String(index), { name }));
      const sides = (["=", "!="] as const).map(
        (operator) => queryRows("tasks", all, { filters: [{ column: "name", operator, value }] }).matched,
      );
      assert.equal((sides[0] ?? 0) + (sides[1] ?? 0), names.length);
    });
    checkProperty(test, property);
  });
});

describe("summaries", () => {
  it("count tasks by function, type and state, the largest first (invariant 1)", () => {
    const summary = summarizeTasks([
      taskRow("a", { type: "ACTOR_TASK", functionName: "Counter.add" }),
      taskRow("b"),
      taskRow("c", { state: "FAILED", name: "a name of its own" }),
      taskRow("d", { type: "ACTOR_CREATION_TASK", functionName: "Counter.constructor" }),
      taskRow("e"),
    ]);
    assert.deepEqual(summary, {
      groups: [
        { functionName: "square", type: "NORMAL_TASK", stateCounts: { FINISHED: 2, FAILED: 1 } },
        { functionName: "Counter.add", type: "ACTOR_TASK", stateCounts: { FINISHED: 1 } },
        { functionName: "Counter.constructor", type: "ACTOR_CREATION_TASK", stateCounts: { FINISHED: 1 } },
      ],
      totalTasks: 3,
      totalActorTasks: 1,
      totalActorsScheduled: 1,
    });
    assert.deepEqual(summarizeTasks([]).groups, []);
  });

  it("count actors by class", () => {
    const actor = (className: string, state: ActorRow["state"]): ActorRow => ({
      actorId: className + state,
      className,
      state,
      name: null,
      namespace: null,
      detached: false,
      nodeId: null,
      workerId: null,
      pid: null,
      numRestarts: 0,
      pendingCalls: 0,
      requiredResources: {},
      placementGroupId: null,
      creationTimeMs: 1,
      deathCause: null,
    });
    assert.deepEqual(
      summarizeActors([actor("B", "ALIVE"), actor("A", "DEAD"), actor("A", "ALIVE"), actor("B", "ALIVE")]),
      {
        groups: [
          { className: "A", stateCounts: { DEAD: 1, ALIVE: 1 } },
          { className: "B", stateCounts: { ALIVE: 2 } },
        ],
        totalActors: 4,
      },
    );
  });

  it("count objects by call site, with bytes, owners and nodes", () => {
    const object = (more: Partial<ObjectRow>): ObjectRow => ({
      objectId: "o",
      state: "SHARED_MEMORY",
      sizeBytes: 10,
      referenceType: "LOCAL_REFERENCE",
      references: 1,
      ownerId: "driver",
      pid: 1,
      nodeId: "n1",
      taskId: null,
      callSite: null,
      ...more,
    });
    const rows = [
      object({}),
      object({ ownerId: "w1", nodeId: "n2", referenceType: "CAPTURED_IN_OBJECT" }),
      object({ state: "PENDING", sizeBytes: null, nodeId: null, callSite: "main.ts:3" }),
    ];
    assert.deepEqual(summarizeObjects(rows), {
      groups: [
        {
          callSite: null,
          objects: 2,
          sizeBytes: 20,
          stateCounts: { SHARED_MEMORY: 2 },
          referenceCounts: { LOCAL_REFERENCE: 1, CAPTURED_IN_OBJECT: 1 },
          owners: 2,
          nodes: 2,
        },
        {
          callSite: "main.ts:3",
          objects: 1,
          sizeBytes: 0,
          stateCounts: { PENDING: 1 },
          referenceCounts: { LOCAL_REFERENCE: 1 },
          owners: 1,
          nodes: 0,
        },
      ],
      totalObjects: 3,
      totalBytes: 20,
    });
  });
});
