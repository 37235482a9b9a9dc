// Nodes that drain, over the server's end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { application, DeployRig, Folder } from "./support.ts";

async function states(rig: DeployRig): Promise<string[]> {
  return (await rig.controller.nodes()).map(({ nodeId, state }) => `${nodeId} ${state}`);
}

test("a mark is kept by a restart, nothing is placed there, and taking it back is kept as well (1)", async () => {
  await using folder = await Folder.make();
  {
    await using rig = await DeployRig.start(folder, { first: [application("a")] });
    await rig.settled("a");
    await rig.deploys.drains.drain("node-1");
    assert.deepEqual(await states(rig), ["node-1 DRAINING"]);
  }
  {
    await using rig = await DeployRig.start(folder);
    await rig.controller.settled();
    assert.deepEqual(await states(rig), ["node-1 DRAINED"]);
    assert.match(rig.controller.deployment("a")?.status.message ?? "", /waits: node "node-1" drains/);
    await rig.deploys.drains.undrain("node-1");
    await rig.settled("a");
    assert.deepEqual(await states(rig), ["node-1 ALIVE"]);
  }
  await using rig = await DeployRig.start(folder);
  assert.deepEqual(await states(rig), ["node-1 ALIVE"]);
});

test("the mark of a node that is not there stays until it is taken back; an unknown node gets none (2)", async () => {
  await using folder = await Folder.make();
  {
    await using rig = await DeployRig.start(folder);
    await rig.controller.runtime.addNode("b", { numCpus: 1 });
    await rig.deploys.drains.drain("b");
    await assert.rejects(rig.deploys.drains.drain("nowhere"), { code: "NOT_FOUND" });
  }
  await using rig = await DeployRig.start(folder);
  const marks = async () => [...(await rig.state.store.memories("drain")).keys()];
  assert.deepEqual([await states(rig), await marks()], [["node-1 ALIVE"], ["b"]]);
  await assert.rejects(rig.deploys.drains.undrain("b"), { code: "NOT_FOUND" });
  assert.deepEqual(await marks(), []);
});
