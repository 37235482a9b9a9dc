// Where replicas go, on virtual nodes: bounds per node, groups of resources, nodes that drain; and replicas that are bad.

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import { moduleOf, Rig } from "./support.ts";

/** The first node's name. */
const HOME = "node-1";

/** Replicas by node. */
async function placed(rig: Rig): Promise<Record<string, number>> {
  const nodes = await rig.controller.nodes();
  return Object.fromEntries(nodes.map(({ nodeId, replicas }) => [nodeId, replicas.length]));
}

async function freeCpus(rig: Rig): Promise<number> {
  return (await rig.controller.resources())["num_cpus"]?.free ?? 0;
}

/** Asks one after the other until it is disposed of; counts what failed. */
function asking(
  rig: Rig,
  name: string,
): AsyncDisposable & { answered: number; readonly failures: unknown[] } {
  const failures: unknown[] = [];
  const over = new AbortController();
  const asked = {
    answered: 0,
    failures,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await ended;
    },
  };
  const ended = (async () => {
    while (!over.signal.aborted) {
      await rig.ask(name, [1]).then(
        () => asked.answered++,
        (thrown) => failures.push(thrown),
      );
    }
  })();
  return asked;
}

describe("max_replicas_per_node", { timeout: 120_000 }, () => {
  it("holds on every node, says who waits, and keeps no other deployment from the room", async () => {
    await using rig = await Rig.make();
    const crowd = moduleOf("Echo", { num_replicas: 3, max_replicas_per_node: 2 });
    await rig.serve(crowd);
    const { status, planned } = rig.deployment("echo");
    assert.match(status.message, /2 of 3 replicas run.*waits: at most 2 of "echo" per node, on 1 node/);
    assert.equal(planned?.trigger, "INSUFFICIENT_RESOURCES");
    rig.apply(crowd, moduleOf("Slow", { num_replicas: 6, user_config: { ms: 0 } }));
    await rig.reached("slow", "HEALTHY");
    await rig.controller.runtime.addNode("b", { numCpus: 4 });
    await rig.reached("echo", "HEALTHY");
    assert.deepEqual(await placed(rig), { [HOME]: 8, b: 1 });
  });
});

describe("a rollout where a node has as many as it may", { timeout: 120_000 }, () => {
  it("waits and says so, or replaces one by one where it may stop old ones first", async () => {
    await using rig = await Rig.make();
    const full = (version: string, rolling_update_when_short: string) =>
      moduleOf("Echo", { version, num_replicas: 2, max_replicas_per_node: 2, rolling_update_when_short });
    await rig.serve(full("1", "wait"));
    rig.apply(full("2", "wait"));
    await rig.reached("echo", "UPDATING", /2 of 2 replicas run; .*waits: at most 2 of "echo" per node/);
    rig.apply(full("3", "stop_old"));
    await rig.reached("echo", "HEALTHY");
    assert.deepEqual([rig.served("echo").version, await placed(rig)], ["3", { [HOME]: 2 }]);
  });
});

describe("placement_group_bundles", { timeout: 120_000 }, () => {
  it("are reserved for each replica and go with it", async () => {
    await using rig = await Rig.make();
    const bundles = { placement_group_bundles: [{ CPU: 1 }, { CPU: 1.5 }] };
    await rig.serve(moduleOf("Echo", { num_replicas: 2, ...bundles }));
    assert.equal(await freeCpus(rig), 3);
    assert.deepEqual(await rig.ask("echo", [7]), [7]);
    process.kill(rig.pidOf("echo"), "SIGKILL");
    await rig.reached("echo", "UNHEALTHY");
    await rig.reached("echo", "HEALTHY");
    await eventually("the dead one's group removed", async () => (await freeCpus(rig)) === 3);
    rig.apply(moduleOf("Slow", { user_config: { ms: 0 } }));
    await rig.reached("slow", "HEALTHY");
    await eventually("the groups removed", async () => (await freeCpus(rig)) === 7);
    assert.deepEqual((await rig.controller.runtime.list("placement-groups")).rows, []);
  });

  it("that do not fit now are waited for, and what is short is said", async () => {
    await using rig = await Rig.make({ cpus: 2 });
    const slow = moduleOf("Slow", { user_config: { ms: 0 } });
    await rig.serve(slow);
    await rig.controller.runtime.addNode("b", { numCpus: 1 });
    const echo = moduleOf("Echo", {
      placement_group_bundles: [{ CPU: 1 }, { CPU: 2 }],
      placement_group_strategy: "STRICT_SPREAD",
    });
    rig.apply(slow, echo);
    const wait = /a replica of "echo" waits for its placement group: bundle 1 needs 2 num_cpus, 1 free of 2/;
    await rig.reached("echo", "UPDATING", wait);
    rig.apply(echo);
    await rig.reached("echo", "HEALTHY");
    assert.deepEqual(await placed(rig), { [HOME]: 1, b: 1 }, "a replica is wherever it has a bundle");
  });

  it("that no nodes could ever hold are refused at once, and what ran runs on", async () => {
    await using rig = await Rig.make({ cpus: 2 });
    const echo = moduleOf("Echo", { version: "1" });
    await rig.serve(echo);
    const pid = rig.pidOf("echo");
    const large = { version: "2", placement_group_bundles: [{ CPU: 1 }, { CPU: 4 }] };
    const apart = {
      placement_group_bundles: [{ CPU: 1 }, { CPU: 1 }],
      placement_group_strategy: "STRICT_SPREAD",
    };
    rig.apply({ ...echo, ...large }, moduleOf("Slow", { user_config: { ms: 0 }, ...apart }));
    await rig.reached(
      "slow",
      "DEPLOY_FAILED",
      /its 2 bundles need a node each \(STRICT_SPREAD\), there is 1/,
    );
    await rig.reached("echo", "DEPLOY_FAILED", /bundle 1 needs 4 num_cpus, the most a node has is 2/);
    assert.deepEqual([rig.pidOf("echo"), await rig.ask("echo", [7])], [pid, [7]]);
    assert.equal(rig.deployment("slow").planned?.trigger, "INSUFFICIENT_RESOURCES");
    await eventually("no group is left", async () => {
      const { rows } = await rig.controller.runtime.list("placement-groups");
      return rows.length === 0;
    });
  });
});

describe("a node that drains", { timeout: 120_000 }, () => {
  it("is left without a gap, also by single replicas, and gets nothing new", async () => {
    await using rig = await Rig.make({ cpus: 4 });
    await rig.serve(await rig.model("net"), moduleOf("Echo", { num_replicas: 2 }));
    const pid = rig.pidOf("net");
    await rig.controller.runtime.addNode("b", { numCpus: 8 });
    await using asked = asking(rig, "net");
    await rig.controller.drainNode(HOME);
    await eventually("the node left", async () => (await rig.controller.nodes())[0]?.state === "DRAINED");
    assert.deepEqual(await placed(rig), { [HOME]: 0, b: 3 });
    await rig.reached("net", "HEALTHY");
    assert.notEqual(rig.pidOf("net"), pid);
    rig.apply(await rig.model("net"), moduleOf("Echo", { num_replicas: 3 }));
    await rig.reached("echo", "HEALTHY");
    assert.deepEqual(await placed(rig), { [HOME]: 0, b: 4 });
    const { answered } = asked;
    await eventually("more answers", () => asked.answered > answered);
    assert.deepEqual(asked.failures, []);
    assert(!rig.statuses.includes("net UNHEALTHY"), "nothing was ill meanwhile");
  });

  it("keeps what finds no room elsewhere, says so, and may be used again", async () => {
    await using rig = await Rig.make({ cpus: 2 });
    await rig.serve(await rig.model("net"));
    const pid = rig.pidOf("net");
    await rig.controller.drainNode(HOME);
    await rig.reached("net", "UPDATING", /a replica of "net" waits: node "node-1" drains/);
    assert.match(rig.deployment("net").status.message, /1 of 1 replicas run/);
    const [node] = await rig.controller.nodes();
    assert.equal(node?.state, "DRAINING");
    assert.match(node.messages.join(), /^net: .* its node "node-1" drains/);
    assert.deepEqual(await rig.ask("net", [1]), [1]);
    await rig.controller.undrainNode(HOME);
    await rig.reached("net", "HEALTHY");
    assert.equal(rig.pidOf("net"), pid);
    assert.equal((await rig.controller.nodes())[0]?.state, "ALIVE");
    await assert.rejects(rig.controller.drainNode("nowhere"), { code: "NOT_FOUND" });
  });
});

describe("a replica whose results are bad", { timeout: 120_000 }, () => {
  it("gets no requests, and another takes its place when that does not help", async () => {
    await using rig = await Rig.make();
    const outlier_detection = { consecutive_failures: 2, base_ejection_s: 0.05, replace_after: 2 };
    const marker = join(rig.folder, "marker");
    // Two requests at a time, one at each replica.
    const bounds = { num_replicas: 2, max_ongoing_requests: 1, outlier_detection };
    await rig.serve(moduleOf("FirstIsBad", { user_config: { marker }, ...bounds }));
    const before = rig.deployment("firstisbad").replicas.map(({ id }) => id);
    const gone = async (): Promise<boolean> => {
      await Promise.allSettled([rig.ask("firstisbad", [1]), rig.ask("firstisbad", [2])]);
      return before.some((id) => rig.deployment("firstisbad").replicas.every((one) => one.id !== id));
    };
    await eventually("the bad one replaced", gone);
    await rig.reached("firstisbad", "HEALTHY");
    for (let index = 0; index < 10; index++) assert.deepEqual(await rig.ask("firstisbad", [index]), [index]);
    assert(!rig.statuses.includes("firstisbad UNHEALTHY"), "it was replaced while it served");
  });
});
