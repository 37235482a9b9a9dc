// `shoal node` beside a server that runs.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { NodeStatusView } from "../../gateway/index.ts";
import { shoal } from "../support/command.ts";
import { start } from "../support/serve.ts";
import { configOf } from "./support.ts";

it("node lists, drains as far as there is room, says what is short, and takes it back", async () => {
  await using server = await start(configOf());
  const env = { SHOAL_STATE_DIR: server.stateDir };
  const listed = await shoal(["node", "list", "--json"], env);
  const [node] = JSON.parse(listed.stdout) as readonly NodeStatusView[];
  assert(node !== undefined);
  assert.deepEqual([node.state, node.replicas.map(({ deployment }) => deployment)], ["ALIVE", ["net"]]);

  const drained = await shoal(["node", "drain", node.node_id, "--timeout-s", "0.5"], env);
  assert.equal(drained.code, 1);
  assert.match(drained.stdout, /DRAINING, 1 replica there\n  net: /);
  assert.match(drained.stdout, /a replica of "net" waits: node "node-1" drains/);
  assert.match(drained.stderr, /Still draining after 0.5 s: 1 replica left there/);
  assert.match((await shoal(["node", "list"], env)).stdout, /^node-1 +DRAINING +1 /m);

  const undrained = await shoal(["node", "undrain", node.node_id], env);
  assert.deepEqual([undrained.code, undrained.stdout], [0, "node-1 ALIVE, 1 replica there\n"]);
  const unknown = await shoal(["node", "drain", "nowhere"], env);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /404: Cannot find a node "nowhere": there are "node-1"/);
});
