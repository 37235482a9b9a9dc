// A gateway that one controller told of the table, and then another.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DeploymentEntry,
  type ReplicaEntry,
  Routed,
  RoutePublisher,
} from "../../../controller/routing/index.ts";
import { systemClock } from "../../../runtime/base/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { joinKey } from "../../../controller/index.ts";
import { TestReplica } from "../../replicas/support.ts";
import { tensor } from "../../support/tensors.ts";
import { CONFIG } from "../reconcile/support.ts";

function replica(id: string, state: ReplicaEntry["state"] = "serving"): ReplicaEntry {
  return { id, socketPath: `/nowhere/${id}`, state, interruptible: false };
}

function entry(key: string, replicas: readonly ReplicaEntry[] = []): DeploymentEntry {
  return {
    key,
    name: key.slice(0, key.indexOf("@")),
    config: CONFIG,
    status: { state: "HEALTHY", message: "" },
    takesRequests: true,
    info: undefined,
    replicas,
    drainGraceMs: undefined,
    deleted: false,
  };
}

function gateway(): Routed & AsyncDisposable {
  const routed = new Routed({ clock: systemClock, log: silentLog, onLost: () => undefined });
  return Object.assign(routed, { [Symbol.asyncDispose]: () => routed.close() });
}

test("what the next controller tells is all there is: what it does not name is gone, the rest keeps its queue", async () => {
  await using routed = gateway();
  const first = new RoutePublisher();
  first.setDeployment(entry("a@1", [replica("a#0")]));
  first.setDeployment(entry("b@2"));
  await first.subscribe(routed);
  const before = routed.deployment("a");
  const { known } = routed;
  assert.deepEqual(
    known.deployments.map(({ key, deleted }) => [key, deleted]),
    [
      ["a@1", false],
      ["b@2", false],
    ],
  );

  const second = new RoutePublisher({ after: known.number, attaching: true });
  second.setDeployment(entry("a@1", [replica("a#0")]));
  second.setDeployment(entry("c@3"));
  await second.subscribe(routed);
  assert.equal(routed.deployment("a"), before);
  assert.equal(routed.deployment("b"), undefined);
  assert.notEqual(routed.deployment("c"), undefined);
  assert(routed.known.number > known.number);
});

test("an update of a controller that is gone changes nothing (Routed's invariant 3)", async () => {
  await using routed = gateway();
  const first = new RoutePublisher();
  await first.subscribe(routed);
  const second = new RoutePublisher({ after: Math.max(1, routed.known.number) });
  second.setDeployment(entry("a@1"));
  await second.subscribe(routed);
  const { known } = routed;
  first.setDeployment(entry("b@9"));
  assert.deepEqual(routed.known, known);
});

test("nothing is acknowledged before all that were there are attached (RoutePublisher's invariant 4)", async () => {
  await using routed = gateway();
  const publisher = new RoutePublisher({ after: 5, attaching: true });
  const order: string[] = [];
  const vacated = publisher.vacated("a@1", "a#0").then(() => order.push("vacated"));
  await publisher.subscribe(routed);
  order.push("subscribed");
  await new Promise(setImmediate);
  publisher.attached();
  await vacated;
  assert.deepEqual(order, ["subscribed", "vacated"]);
});

test("a replica that was leaving, and that the next controller keeps, serves again", async () => {
  await using replica = await TestReplica.start();
  await using routed = gateway();
  const listed = (state: ReplicaEntry["state"]): DeploymentEntry =>
    entry("a@1", [{ id: "a#0", socketPath: replica.socketPath, state, interruptible: false }]);
  const ask = (): Promise<unknown> => {
    const inputs = [tensor("x", "INT32", { shape: [1, 1], values: [7] })];
    const work = { kind: "infer", inputs, outputs: [], rows: 1, joinKey: joinKey(inputs, []) } as const;
    const dispatcher = routed.deployment("a")?.dispatcher;
    assert(dispatcher !== undefined);
    return dispatcher.submit(work, systemClock.nowMs() + 60_000).result;
  };
  const first = new RoutePublisher();
  first.setDeployment(listed("serving"));
  await first.subscribe(routed);
  await ask();
  first.setDeployment(listed("leaving"));
  const waits = ask();
  await new Promise(setImmediate);
  assert.equal(routed.load("a@1")?.queued, 1);
  const second = new RoutePublisher({ after: routed.known.number });
  second.setDeployment(listed("serving"));
  await second.subscribe(routed);
  await waits;
});
