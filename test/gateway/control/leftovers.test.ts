// What a controller left that died before the server had begun.

import assert from "node:assert/strict";
import { test } from "node:test";
import { REPLICAS } from "../../../controller/index.ts";
import { endLeftovers } from "../../../gateway/control/leftovers.ts";
import { GATEWAYS } from "../../../gateway/process/index.ts";
import { Runtime } from "../../../runtime/core/index.ts";

type Actors = typeof import("./fixtures/idle-actor.ts");
const ACTORS = new URL("./fixtures/idle-actor.ts", import.meta.url);

test("replicas, gateway processes and their groups are ended, whatever they are at; what is somebody else's stays", async () => {
  await using runtime = await Runtime.start({ numCpus: 2, warmWorkers: 0 });
  const { IdleActor } = runtime.actors<Actors>(ACTORS, { numCpus: 0.5 });
  const made = [
    IdleActor.options({ name: "a#0", namespace: REPLICAS, lifetime: "detached" }),
    IdleActor.options({ name: "gateway#0", namespace: GATEWAYS }),
    IdleActor.options({ name: "a#0" }),
  ];
  await Promise.all(made.map((one) => one.create()));
  // One that waits for room.
  const waits = IdleActor.options({ name: "a#1", namespace: REPLICAS, numCpus: 2 }).create();
  await runtime.createPlacementGroup({
    bundles: [{ numCpus: 0.1 }],
    name: "a#0",
    namespace: REPLICAS,
    lifetime: "detached",
  });
  await Promise.all([endLeftovers(runtime), assert.rejects(waits, { code: "ACTOR_DIED" })]);
  const { rows: actors } = await runtime.list("actors");
  assert.deepEqual(
    actors.flatMap(({ name, namespace, state }) => (state === "DEAD" ? [] : [`${namespace} ${name}`])),
    ["default a#0"],
  );
  const { rows: groups } = await runtime.list("placement-groups");
  assert.deepEqual(
    groups.filter(({ state }) => state !== "REMOVED"),
    [],
  );
});
