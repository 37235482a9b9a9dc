// A controller that takes the place of one that was killed: what runs goes on, what was under way is begun again.

import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import {
  Controller,
  decodeConfig,
  Ground,
  Routed,
  type ServeConfig,
  type KnownRoutes,
} from "../../controller/index.ts";
import { systemClock } from "../../runtime/base/index.ts";
import { formatFaults } from "../../runtime/base/config/index.ts";
import { silentLog } from "../../runtime/base/log/index.ts";
import type { ActorHandle } from "../../runtime/core/index.ts";
import { childPids } from "../runtime/core/support.ts";
import { eventually } from "../support/eventually.ts";
import type { ReplicaSeen } from "./fixtures/controller-actor.ts";
import { moduleOf } from "./support.ts";

const SLOW = moduleOf("Slow", { user_config: { ms: 1 } });

type ActorModule = typeof import("./fixtures/controller-actor.ts");
const ACTOR = new URL("./fixtures/controller-actor.ts", import.meta.url);

function configOf(...deployments: readonly object[]): ServeConfig {
  const small = { min_ready_s: 0, resources: { num_cpus: 0.1 } };
  const applications = [{ deployments: deployments.map((one) => ({ ...small, ...one })) }];
  const decoded = decodeConfig(JSON.stringify({ applications }), { file: "/shoal.json" });
  assert(decoded.kind === "ok", decoded.kind === "faults" ? formatFaults(decoded.faults) : "");
  return decoded.value;
}

/** One ground; on it the controller that is killed, then the one that takes its place. */
class Rig implements AsyncDisposable {
  readonly ground: Ground;
  readonly first: ActorHandle<ActorModule["ControllerActor"]>;
  #next: Controller | undefined;

  private constructor(ground: Ground, first: Rig["first"]) {
    this.ground = ground;
    this.first = first;
  }

  static async serve(config: ServeConfig): Promise<Rig> {
    const ground = await Ground.start({ log: silentLog, runtime: { numCpus: 8, warmWorkers: 0 } });
    const { ControllerActor } = ground.runtime.actors<ActorModule>(ACTOR);
    const { socketFolder } = ground;
    const first = await ControllerActor.options({ numCpus: 0 }).create({ config, socketFolder });
    return new Rig(ground, first);
  }

  seen(name: string): Promise<readonly ReplicaSeen[]> {
    return this.ground.runtime.get(this.first.replicas(name));
  }

  async ready(): Promise<void> {
    await this.ground.runtime.get(this.first.settled());
  }

  /** Kills the first; the next one wants `config`. */
  async takeOver(config: ServeConfig, known: readonly KnownRoutes[] = []): Promise<Controller> {
    await this.ground.runtime.kill(this.first);
    const options = { config, ground: this.ground, log: silentLog, logLevel: "silent" };
    this.#next = await Controller.start({ ...options, takesOver: known });
    this.#next.apply(config);
    this.#next.attached();
    return this.#next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#next?.[Symbol.asyncDispose]();
    await this.ground[Symbol.asyncDispose]();
  }
}

function replicasOf(controller: Controller, name: string): ReplicaSeen[] {
  const replicas = controller.deployment(name)?.replicas ?? [];
  return replicas.map(({ id, pid, view }) => ({
    id,
    state: view.phase.kind,
    pid,
    version: view.revision.config.version,
  }));
}

// Whatever a test did, draining left nothing.
afterEach(async () => {
  await eventually("no process", () => childPids().length === 0);
});

describe("a controller that takes over", { timeout: 120_000 }, () => {
  it("has the replicas that run as they are, and those of another version beside them", async () => {
    const config = configOf(moduleOf("Echo", { num_replicas: 2, version: "1" }), SLOW);
    await using rig = await Rig.serve(config);
    await rig.ready();
    const before = await rig.seen("echo");
    const controller = await rig.takeOver(config);
    assert.deepEqual(replicasOf(controller, "echo"), before);
    assert.equal(before.length, 2);
    await controller.settled();
    assert.deepEqual(replicasOf(controller, "echo"), before);
    assert.equal(controller.deployment("echo")?.status.state, "HEALTHY");
    assert.equal(controller.deployment("echo")?.info?.takes.infer, true);
    // Known well enough to be routed to, and to be watched.
    await using routed = new AsyncDisposableStack();
    const gateway = new Routed({ clock: systemClock, log: silentLog, onLost: () => undefined });
    routed.defer(() => gateway.close());
    await controller.attach(gateway);
    assert.equal(gateway.deployment("echo")?.ready, true);
    const [first] = before;
    process.kill(first?.pid ?? 0, "SIGKILL");
    await eventually("another in its place", () => {
      const now = replicasOf(controller, "echo");
      return now.length === 2 && now.every(({ id, state }) => id !== first?.id && state === "RUNNING");
    });
  });

  it("goes on with a rollout: numbers are not used again, what was starting is started again", async () => {
    const old = configOf(moduleOf("Echo", { num_replicas: 2, version: "1" }));
    const next = configOf(
      moduleOf("Echo", { num_replicas: 2, version: "2", resources: { num_cpus: 0.2 }, min_ready_s: 0 }),
    );
    await using rig = await Rig.serve(old);
    await rig.ready();
    const before = await rig.ground.runtime.get(rig.first.begin(next, "echo"));
    assert.deepEqual(before.map(({ version, state }) => `${version} ${state}`).sort(), [
      "1 RUNNING",
      "1 RUNNING",
      "2 STARTING",
    ]);
    const controller = await rig.takeOver(next);
    // The rollout goes on at once, under a new number.
    assert.deepEqual(
      replicasOf(controller, "echo").filter(({ state }) => state === "RUNNING"),
      before.filter(({ state }) => state === "RUNNING"),
    );
    await eventually("rolled out", () => {
      const now = replicasOf(controller, "echo");
      return now.length === 2 && now.every(({ version, state }) => version === "2" && state === "RUNNING");
    });
    const used = before.map(({ id }) => id);
    assert(replicasOf(controller, "echo").every(({ id }) => !used.includes(id)));
  });

  it("lets go what nobody wants any more, and keeps the keys that gateways know", async () => {
    const both = configOf(moduleOf("Echo"), SLOW);
    const one = configOf(SLOW);
    await using rig = await Rig.serve(both);
    await rig.ready();
    const slow = await rig.seen("slow");
    const [echo] = await rig.seen("echo");
    const deployments = [{ key: "slow@2", name: "slow", deleted: false, info: undefined }];
    const controller = await rig.takeOver(one, [{ number: 41, deployments }]);
    assert.deepEqual(replicasOf(controller, "slow"), slow);
    assert.equal(controller.deployment("slow")?.key, "slow@2");
    await eventually("echo gone", async () => {
      const { rows } = await rig.ground.runtime.list("actors");
      return rows.every(({ name, state }) => name !== echo?.id || state === "DEAD");
    });
    // A namesake that comes later is another one.
    controller.apply(both);
    await controller.settled();
    assert.notEqual(controller.deployment("echo")?.key, "echo@1");
    assert.notEqual(replicasOf(controller, "echo")[0]?.id, echo?.id);
  });

  it("goes on draining a node: what is there is to be replaced", async () => {
    const config = configOf(moduleOf("Echo"));
    await using rig = await Rig.serve(config);
    await rig.ready();
    await rig.ground.runtime.get(rig.first.drainNode("node-1"));
    const controller = await rig.takeOver(config);
    await eventually("marked", () => {
      const [replica] = controller.deployment("echo")?.replicas ?? [];
      return replica?.view.leaving === 'its node "node-1" drains';
    });
    assert.equal((await controller.nodes())[0]?.replicas.length, 1);
  });

  it("has a replica's placement group, which goes with it", async () => {
    const placed = moduleOf("Echo", {
      placement_group_bundles: [{ CPU: 1 }, { CPU: 0.5 }],
      resources: { num_cpus: 1 },
    });
    const config = configOf(placed);
    await using rig = await Rig.serve(config);
    await rig.ready();
    const before = await rig.seen("echo");
    const controller = await rig.takeOver(config);
    assert.deepEqual(replicasOf(controller, "echo"), before);
    await controller.drain();
    const { rows } = await rig.ground.runtime.list("placement-groups");
    assert.deepEqual(
      rows.filter(({ state }) => state !== "REMOVED"),
      [],
    );
  });
});
