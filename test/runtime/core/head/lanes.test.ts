// Tasks that wait for resources: what is kept of those that are cancelled meanwhile.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ShoalError, systemClock } from "../../../../runtime/base/index.ts";
import { Lanes } from "../../../../runtime/core/head/lanes.ts";
import type { TaskRecord } from "../../../../runtime/core/head/task-record.ts";
import { collectGarbage } from "../../../../runtime/core/objects/index.ts";
import { Scheduler } from "../../../../runtime/core/scheduling/index.ts";
import { eventually } from "../../../support/eventually.ts";

const placement = { resources: { num_cpus: 1 }, strategy: { kind: "DEFAULT" } } as const;

test("cancelled tasks are let go of, though one behind them waits on", async () => {
  const scheduler = new Scheduler({ clock: systemClock });
  scheduler.addNode({ id: "a", resources: { num_cpus: 1 } });
  const idle = { onInfeasible: assert.fail, onLost: assert.fail };
  scheduler.request(placement, { ...idle, onGranted: () => undefined }); // all there is
  const lanes = new Lanes({
    scheduler,
    clock: systemClock,
    takeWorker: () => assert.fail(),
    prepare: () => assert.fail(),
    giveWorker: () => assert.fail(),
    run: () => assert.fail(),
    onInfeasible: () => assert.fail(),
    onUnprepared: () => assert.fail(),
  });
  const pushed = (): TaskRecord => {
    const record = { spec: { placement }, state: { kind: "PENDING_NODE_ASSIGNMENT" } } as never as TaskRecord;
    lanes.push(record);
    return record;
  };
  const cancelled = (() => {
    const records = Array.from({ length: 1_000 }, pushed);
    pushed();
    for (const record of records) {
      record.state = { kind: "FAILED", error: new ShoalError("CANCELLED", "no more") };
      lanes.remove(record);
    }
    return records.map((record) => new WeakRef(record));
  })();
  await eventually("most are collected", async () => {
    await collectGarbage();
    return cancelled.filter((record) => record.deref() !== undefined).length < 200;
  });
  assert.ok(lanes);
});
