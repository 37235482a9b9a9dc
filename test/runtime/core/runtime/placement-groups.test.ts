// Placement groups with real tasks and actors in them.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { suite, test } from "node:test";
import { collectGarbage } from "../../../../runtime/core/objects/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failing, start } from "./support.ts";

suite("placement groups", () => {
  test("tasks and actors run in their bundle; after the removal the CPUs are back", async () => {
    await using started = await start({ numCpus: 2 });
    const { runtime, work, actors } = started;
    const group = await runtime.createPlacementGroup({ bundles: [{ numCpus: 1 }, { numCpus: 1 }] });
    await group.ready();
    const outside = work.square(2);
    await assert.rejects(
      runtime.get(outside, { timeoutMs: 50 }),
      failing("DEADLINE_EXCEEDED", /0 are ready/),
    );
    const inside = { schedulingStrategy: { placementGroup: group, bundleIndex: 0 } };
    assert.equal(await runtime.get(work.square.options(inside)(3)), 9);
    const counter = await actors.Counter.options({ numCpus: 1, ...inside }).create(1);
    assert.equal(await runtime.get(counter.add(1)), 2);
    const queued = work.square.options(inside)(4);
    await group.remove();
    await assert.rejects(
      runtime.get(queued),
      failing("RESOURCES_UNAVAILABLE", /placement group was removed/),
    );
    await assert.rejects(runtime.get(counter.add(1)), { code: /^ACTOR_/ });
    assert.equal(await runtime.get(outside), 4);
    await assert.rejects(group.ready(), failing("NOT_FOUND", /removed/));
  });

  test("a group waits until all of it fits", async () => {
    await using started = await start({ numCpus: 2 });
    const { runtime, work } = started;
    const busy = work.untilCancelled(started.file("a"));
    await started.lines("a", 1);
    const group = await runtime.createPlacementGroup({
      bundles: [{ numCpus: 1 }, { numCpus: 1 }],
      strategy: "STRICT_PACK",
    });
    await assert.rejects(
      group.ready({ timeoutMs: 30 }),
      failing("DEADLINE_EXCEEDED", /not placed after 30 ms/),
    );
    const { signal } = new AbortController();
    await assert.rejects(group.ready({ timeoutMs: 5, signal }), { code: "DEADLINE_EXCEEDED" });
    assert.deepEqual(getEventListeners(signal, "abort"), [], "of who gave up nothing is left");
    await assert.rejects(group.ready({ signal: AbortSignal.abort() }), { code: "CANCELLED" });
    const waiting = [group.ready(), group.ready({ signal })];
    await runtime.cancel(busy);
    await Promise.all([...waiting, group.ready()]);
    await group.remove();
  });

  test("a named group is found, and its name is its own until it is removed", async () => {
    await using started = await start({ numCpus: 2 });
    const { runtime, work } = started;
    const options = { name: "g", namespace: "n", lifetime: "detached", bundles: [{ numCpus: 2 }] } as const;
    await runtime.createPlacementGroup(options);
    await assert.rejects(
      runtime.createPlacementGroup(options),
      failing("INVALID_ARGUMENT", /taken in namespace "n"/),
    );
    await assert.rejects(runtime.getPlacementGroup("g"), failing("NOT_FOUND", /none in namespace "default"/));
    const placementGroup = await runtime.getPlacementGroup("g", "n");
    await placementGroup.ready();
    const inside = work.square.options({ schedulingStrategy: { placementGroup } });
    assert.equal(await runtime.get(inside(3)), 9);
    const { rows } = await runtime.list("placement-groups", { filters: ["namespace=n"] });
    assert.deepEqual([rows[0]?.name, rows[0]?.detached], ["g", true]);
    await placementGroup.remove();
    await assert.rejects(runtime.getPlacementGroup("g", "n"), failing("NOT_FOUND", /"g"/));
    await runtime.createPlacementGroup(options);
    await assert.rejects(
      runtime.createPlacementGroup({ lifetime: "detached", bundles: [{ numCpus: 1 }] }),
      failing("INVALID_ARGUMENT", /lifetime .* wanted a name beside it/),
    );
  });

  test("bad bundles are refused", async () => {
    await using started = await start();
    const { runtime } = started;
    await assert.rejects(
      runtime.createPlacementGroup({ bundles: [] }),
      failing("INVALID_ARGUMENT", /no bundles/),
    );
    await assert.rejects(
      runtime.createPlacementGroup({ bundles: [{}] }),
      failing("INVALID_ARGUMENT", /bundle of nothing/),
    );
    await assert.rejects(
      runtime.createPlacementGroup({ bundles: [{ numCpus: -1 }] }),
      failing("INVALID_ARGUMENT", /numCpus of "bundle 0": found -1/),
    );
  });

  test("groups that had tasks and are gone leave no memory", async () => {
    await using started = await start({ enableTaskEvents: false });
    const { runtime, work } = started;
    const many = async (count: number): Promise<number> => {
      for (let n = 0; n < count; n++) {
        const placementGroup = await runtime.createPlacementGroup({ bundles: [{ numCpus: 1 }] });
        const schedulingStrategy = { placementGroup };
        assert.equal(await runtime.get(work.square.options({ schedulingStrategy })(3)), 9);
        await placementGroup.remove();
      }
      await collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const before = await many(600);
    const each = ((await many(2_000)) - before) / 2_000;
    assert.ok(each < 700, `${each} bytes more for each group`); // 2,200 when queues were kept
  });

  test("a thousand groups come and go, and every CPU is free again", async () => {
    await using started = await start({ numCpus: 2 });
    const { runtime, work } = started;
    for (let round = 0; round < 1_000; round++) {
      const group = await runtime.createPlacementGroup({ bundles: [{ numCpus: 2 }] });
      await group.ready();
      await group.remove();
    }
    assert.equal(await runtime.get(work.square.options({ numCpus: 2 })(2)), 4);
    await eventually("nothing is held", async () => (await runtime.get(work.square(1))) === 1);
  });
});
