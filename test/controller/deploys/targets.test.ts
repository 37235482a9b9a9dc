// How many replicas load asked for, over the server's end.

import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { application, DeployRig, Folder } from "./support.ts";

/** The load is whether a file is there. */
const POLICY = `
import { existsSync } from "node:fs";
export const decide = () => existsSync(new URL("./busy", import.meta.url)) ? 3 : 1;
`;

function scaled(max: number): object {
  const autoscaling_config = { min_replicas: 1, max_replicas: max, policy: "./policy.mjs:decide" };
  return application("echo", { autoscaling_config });
}

function wanted({ controller }: DeployRig): number | undefined {
  return controller.deployment("echo")?.desired.numReplicas;
}

test("a server that is started again begins with as many as load asked for, and goes on by load", async () => {
  await using folder = await Folder.make();
  await folder.write("policy.mjs", POLICY);
  await folder.write("busy", "");
  {
    await using rig = await DeployRig.start(folder, { first: [scaled(3)] });
    await eventually("three wanted", () => wanted(rig) === 3);
    await rig.deploys.flush();
  }
  await rm(join(folder.path, "busy"));
  {
    await using rig = await DeployRig.start(folder);
    assert.equal(wanted(rig), 3);
    await eventually("one wanted", () => wanted(rig) === 1);
    await folder.write("busy", "");
    await eventually("three wanted again", () => wanted(rig) === 3);
    await rig.deploys.flush();
  }
  // No more than the config allows by now.
  {
    await using rig = await DeployRig.start(folder, { first: [scaled(2)] });
    assert.equal(wanted(rig), 2);
    // Forgotten with what it was of.
    await rig.deploy([application("echo", { num_replicas: 1 })]);
    await rig.deploys.flush();
  }
  await using rig = await DeployRig.start(folder);
  assert.deepEqual([...rig.state.targets], []);
});
