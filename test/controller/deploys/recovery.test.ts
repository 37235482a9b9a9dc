// How long a server takes from its store to its desired state: a figure, printed, beside a check of what came of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { application, DeployRig, Folder } from "./support.ts";

const APPLICATIONS = 100;

test("a hundred applications come back from the store", async (t) => {
  await using folder = await Folder.make();
  // All but a few wait for room: what is measured is the server, not its replicas.
  const names = Array.from({ length: APPLICATIONS }, (_, index) => `app-${String(index).padStart(3, "0")}`);
  const wanted = names.map((name) => application(name, { resources: { num_cpus: 4 } }));
  {
    await using rig = await DeployRig.start(folder);
    assert.equal((await rig.changes(wanted)).length, APPLICATIONS);
  }
  const beganMs = performance.now();
  await using rig = await DeployRig.start(folder);
  // So that each has been planned for.
  await new Promise(setImmediate);
  const tookMs = performance.now() - beganMs;
  t.diagnostic(
    `recovered ${APPLICATIONS} applications in ${Math.round(tookMs)} ms, the runtime's start included`,
  );
  assert.deepEqual(
    rig.controller.config.applications.map(({ name }) => name),
    names,
  );
  assert.equal(rig.controller.deployments().length, APPLICATIONS);
  assert.deepEqual(
    [...rig.deploys.releases.values()].map(({ number }) => number),
    names.map(() => 1),
  );
});
