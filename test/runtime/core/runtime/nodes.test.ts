// Virtual nodes: placement over them, and what becomes of the work on one that goes away.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { eventually } from "../../../support/eventually.ts";
import { failing, start } from "./support.ts";

suite("virtual nodes", () => {
  test("work goes to the node it asks for, by name or by label", async () => {
    await using started = await start({ numCpus: 1 });
    const { runtime, actors } = started;
    await runtime.addNode("second", { numCpus: 2, resources: { slot: 1 }, labels: { zone: "b" } });
    assert.deepEqual((await runtime.resources())["num_cpus"], { total: 3, free: 3 });
    const schedulingStrategy = { nodeId: "second" };
    const named = await actors.Counter.options({ numCpus: 1, schedulingStrategy }).create(0);
    const labelled = await actors.Counter.options({ numCpus: 1, labelSelector: { zone: "b" } }).create(0);
    await runtime.get([named.add(1), labelled.add(1)]);
    const { rows } = await runtime.list("actors");
    assert.deepEqual(
      rows.map(({ nodeId }) => nodeId),
      ["second", "second"],
    );
    await assert.rejects(
      runtime.addNode("second", {}),
      failing("INVALID_ARGUMENT", /there is one of that name/),
    );
    await assert.rejects(
      runtime.addNode("x", { numCpus: -1 }),
      failing("INVALID_ARGUMENT", /numCpus of "x"/),
    );
  });

  test("when a node goes, its actors restart elsewhere and its tasks are retried", async () => {
    await using started = await start({ numCpus: 2 });
    const { runtime, actors, work } = started;
    await runtime.addNode("second", { numCpus: 2 });
    const schedulingStrategy = { nodeId: "second", soft: true } as const;
    const actor = await actors.Counter.options({ schedulingStrategy, numCpus: 1, maxRestarts: 1 }).create(7);
    const before = await runtime.get(actor.pid());
    const task = work.onceThenReturn.options({ schedulingStrategy })(started.file("task"));
    await started.lines("task", 1);
    await assert.rejects(
      runtime.removeNode("third"),
      failing("NOT_FOUND", /"third": there are "node-1", "second"/),
    );
    const { rows } = await runtime.list("nodes");
    assert.deepEqual(
      rows.map(({ name, isHeadNode }) => [name, isHeadNode]),
      [
        ["node-1", true],
        ["second", false],
      ],
    );
    await runtime.removeNode("second");
    assert.equal(await runtime.get(task), 2);
    await eventually("it is alive again", async () => {
      const { rows } = await runtime.list("actors");
      return rows[0]?.state === "ALIVE" && rows[0].pid !== before;
    });
    assert.equal(await runtime.get(actor.add(1)), 8);
    assert.equal((await runtime.list("actors")).rows[0]?.nodeId, "node-1");
  });

  test("a strict spread waits for the nodes it needs", async () => {
    await using started = await start({ numCpus: 1 });
    const { runtime } = started;
    const bundles = [{ numCpus: 1 }, { numCpus: 1 }];
    const group = await runtime.createPlacementGroup({ bundles, strategy: "STRICT_SPREAD" });
    await assert.rejects(group.ready({ timeoutMs: 20 }), failing("DEADLINE_EXCEEDED", /./));
    await runtime.addNode("second", { numCpus: 1 });
    await group.ready();
    const { rows } = await runtime.list("placement-groups");
    assert.deepEqual(rows[0]?.bundles.map(({ nodeId }) => nodeId).sort(), ["node-1", "second"]);
  });
});
