// What a controller takes over of another's, told apart by deployment.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { FoundReplica } from "../../controller/found-replicas.ts";
import { Legacy } from "../../controller/legacy.ts";
import { revisionOf } from "../../controller/reconcile/index.ts";
import { CONFIG } from "./reconcile/support.ts";

/** Only what is looked at. */
function replica(id: string, key: string): FoundReplica {
  const name = id.slice(0, id.indexOf("#"));
  const found = { id, key, revision: revisionOf({ ...CONFIG, name }) };
  return found as unknown as FoundReplica;
}

function known(key: string, deleted = false) {
  return { key, name: key.slice(0, key.lastIndexOf("@")), deleted, info: undefined };
}

test("what gateways know keeps its key, its replicas come with it (invariant 1)", () => {
  const running = [replica("a#0", "a@2"), replica("a#3", "a@2"), replica("b#0", "b@3")];
  const legacy = new Legacy({ running, ids: running.map(({ id }) => id) }, [
    { number: 7, deployments: [known("a@2"), known("asleep@9")] },
    { number: 9, deployments: [known("a@2")] },
  ]);
  const ids = (key: string | undefined): string[] => {
    const found = running.filter((one) => one.key === key);
    return found.map(({ id }) => id);
  };
  const a = legacy.take("a");
  assert.deepEqual([a?.key, a?.replicas.map(({ id }) => id)], ["a@2", ids("a@2")]);
  assert.deepEqual(legacy.take("asleep"), { key: "asleep@9", replicas: [], info: undefined });
  assert.equal(legacy.take("unknown"), undefined);
  assert.deepEqual(
    legacy.rest().map(({ key }) => key),
    ["b@3"],
  );
  assert.deepEqual(legacy.rest(), []);
  assert.deepEqual([legacy.number, legacy.nextKey], [9, 10]);
});

test("one that was deleted is not taken for its namesake, which has the newest key (invariant 1)", () => {
  const running = [replica("a#0", "a@1"), replica("a#5", "a@12"), replica("a#4", "a@4")];
  const deployments = [known("a@1", true), known("a@4", true)];
  const legacy = new Legacy({ running, ids: [] }, [
    { number: 1, deployments },
    { number: 1, deployments: [known("a@1", true), known("a@4")] }, // this one was not told yet
  ]);
  assert.equal(legacy.take("a")?.key, "a@12");
  assert.deepEqual(
    legacy.rest().map(({ key }) => key),
    ["a@1", "a@4"],
  );
  const onlyDeleted = new Legacy({ running: [replica("a#0", "a@1")], ids: [] }, [{ number: 1, deployments }]);
  assert.equal(onlyDeleted.take("a"), undefined);
  assert.equal(onlyDeleted.nextKey, 5);
});

test("numbers of replicas go on behind all that were found (invariant 2)", () => {
  const legacy = new Legacy({ running: [], ids: ["a#3", "a#12", "a#b#40", "aa#99"] });
  assert.deepEqual(
    ["a", "a#b", "aa", "b"].map((name) => legacy.nextReplicaOf(name)),
    [13, 41, 100, 0],
  );
});
