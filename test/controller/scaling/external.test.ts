// Numbers of replicas from outside: what they outlive, and what ends them.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { application, DeployRig, Folder } from "../deploys/support.ts";

const ENABLED = { external_scaler_enabled: true };
const bob = (replicas: number) => ({ replicas, author: "bob" });

function app(more: object = {}, own: object = ENABLED): object {
  return application("one", { resources: { num_cpus: 0.01 }, ...more }, own);
}

function target(rig: DeployRig): number | undefined {
  return rig.controller.deployment("one")?.desired.numReplicas;
}

/** Who decides, and every decision, the newest first. */
function told(rig: DeployRig): (string | undefined)[] {
  const status = rig.controller.scalingStatus("one");
  return [status?.decidedBy, ...(status?.decisions ?? []).map(({ explanation }) => explanation)];
}

describe("a number of replicas from outside", { timeout: 120_000 }, () => {
  it("takes the place of the config's, also over a deploy of the same number and over the server's end", async () => {
    await using folder = await Folder.make();
    {
      await using rig = await DeployRig.start(folder);
      await rig.changes([app()]);
      await rig.settled("one");
      assert.deepEqual(told(rig), [undefined]);
      assert.deepEqual(await rig.deploys.scale("one", "one", bob(3)), { kind: "scaled", from: 1 });
      await eventually("three replicas", () => rig.pids("one").length === 3);
      const pids = rig.pids("one");
      await rig.changes([app({ max_queued_requests: 7 })]);
      await rig.settled("one");
      assert.equal(target(rig), 3);
      assert.deepEqual(rig.pids("one"), pids);
      assert.deepEqual(told(rig), ["external", "1 → 3: asked for by bob"]);
    }
    await using again = await DeployRig.start(folder);
    assert.equal(target(again), 3);
    assert.deepEqual(told(again), ["external", "1 → 3: asked for by bob"]);
    await eventually("three replicas again", () => again.pids("one").length === 3);
    assert.deepEqual(await again.deploys.scale("one", "one", bob(0)), { kind: "scaled", from: 3 });
    await eventually("none", () => again.pids("one").length === 0);
    assert.deepEqual(told(again).slice(0, 2), ["external", "3 → 0: asked for by bob"]);
  });

  it("ends with a config of another number, for good", async () => {
    await using folder = await Folder.make();
    {
      await using rig = await DeployRig.start(folder, { first: [app({ num_replicas: 2 })] });
      await rig.deploys.scale("one", "one", bob(1));
      assert.equal(target(rig), 1);
      await rig.changes([app({ num_replicas: 3 })]);
      assert.equal(target(rig), 3);
      assert.deepEqual(told(rig).slice(0, 2), ["config", "1 → 3: num_replicas of the config"]);
      await rig.changes([app({ num_replicas: 2 })]);
      assert.equal(target(rig), 2);
    }
    await using again = await DeployRig.start(folder);
    assert.deepEqual([target(again), told(again)], [2, [undefined]]);
  });

  it("ends when its application no longer lets anybody, and with its application", async () => {
    await using folder = await Folder.make();
    await using rig = await DeployRig.start(folder, { first: [app()] });
    await rig.deploys.scale("one", "one", bob(2));
    await rig.changes([app({}, {})]);
    assert.equal(target(rig), 1);
    assert.deepEqual(await rig.deploys.scale("one", "one", bob(2)), { kind: "not enabled" });
    await rig.changes([app()]);
    assert.equal(target(rig), 1);
    await rig.deploys.scale("one", "one", bob(2));
    await rig.deploys.remove({ author: "bob", source: "test" });
    await rig.changes([app()]);
    assert.equal(target(rig), 1);
  });

  it("is refused for what is not there", async () => {
    await using folder = await Folder.make();
    await using rig = await DeployRig.start(folder, { first: [app()] });
    assert.deepEqual(await rig.deploys.scale("two", "one", bob(2)), { kind: "unknown", what: "application" });
    assert.deepEqual(await rig.deploys.scale("one", "two", bob(2)), { kind: "unknown", what: "deployment" });
    assert.equal(target(rig), 1);
  });
});
