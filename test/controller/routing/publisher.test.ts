// The route table's way to gateways that acknowledge late, in any order, or never again.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type DeploymentEntry,
  type GatewayPort,
  type RouteEntry,
  RoutePublisher,
  type RouteUpdate,
} from "../../../controller/routing/index.ts";
import { CONFIG } from "../reconcile/support.ts";

function entry(key: string, message: string): DeploymentEntry {
  return {
    key,
    name: key,
    config: CONFIG,
    status: { state: "HEALTHY", message },
    takesRequests: true,
    info: undefined,
    replicas: [],
    drainGraceMs: undefined,
    deleted: false,
  };
}

function route(ingress: string): RouteEntry {
  return { application: ingress, prefix: `/${ingress}`, ingress, traffic: undefined };
}

/** Keeps what it was told, and acknowledges when it is asked to. */
class FakeGateway implements GatewayPort {
  readonly entries = new Map<string, DeploymentEntry>();
  routes: readonly RouteEntry[] = [];
  number = -1;
  #pending: { readonly update: RouteUpdate; readonly ack: PromiseWithResolvers<void> } | undefined;

  apply(update: RouteUpdate): Promise<void> {
    assert.equal(this.#pending, undefined, "one update at a time");
    assert(update.number >= this.number, "numbers do not go back");
    this.#pending = { update, ack: Promise.withResolvers() };
    return this.#pending.ack.promise;
  }

  get isAsked(): boolean {
    return this.#pending !== undefined;
  }

  acknowledge(): void {
    if (this.#pending === undefined) return;
    const { update, ack } = this.#pending;
    this.#pending = undefined;
    for (const one of update.deployments) this.entries.set(one.key, one);
    for (const key of update.removed) assert(this.entries.delete(key), "only what it has is removed");
    if (update.routes !== undefined) this.routes = update.routes;
    this.number = update.number;
    ack.resolve();
  }

  die(): void {
    this.#pending?.ack.reject(new Error("gone"));
    this.#pending = undefined;
  }

  async drained(): Promise<void> {}
  readonly vacating = Promise.withResolvers<void>();
  vacated(): Promise<void> {
    return this.vacating.promise;
  }
  restore(): void {}
  async busyMs(): Promise<undefined> {}
  load(): undefined {}
  readonly heardMs = 0;
  takeTraffic(): ReadonlyMap<string, never> {
    return new Map<string, never>();
  }
}

const key = fc.constantFrom("a", "b", "c");
const gateway = fc.nat(2);
const step = fc.oneof(
  fc.record({ do: fc.constant("set" as const), key, message: fc.string() }),
  fc.record({ do: fc.constantFrom("remove" as const, "route" as const), key }),
  fc.record({ do: fc.constantFrom("acknowledge" as const, "die" as const), gateway }),
  fc.record({ do: fc.constant("subscribe" as const) }),
);

test("every gateway comes to have the table, and nothing is acknowledged before all have it", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const publisher = new RoutePublisher();
      const gateways: FakeGateway[] = [];
      const table = new Map<string, DeploymentEntry>();
      let routes: readonly RouteEntry[] = [];
      for (const one of steps) {
        if (one.do === "set") {
          const made = entry(one.key, one.message);
          table.set(one.key, made);
          publisher.setDeployment(made);
        } else if (one.do === "remove") {
          table.delete(one.key);
          publisher.removeDeployment(one.key);
        } else if (one.do === "route") {
          routes = [route(one.key)];
          publisher.setRoutes(routes);
        } else if (one.do === "subscribe") {
          const fresh = new FakeGateway();
          gateways.push(fresh);
          void publisher.subscribe(fresh);
        } else if (one.do === "acknowledge") {
          gateways[one.gateway]?.acknowledge();
        } else if (one.do === "die") {
          for (const dead of gateways.splice(one.gateway, 1)) {
            dead.die();
            publisher.unsubscribe(dead);
          }
        }
        const { number } = publisher;
        void publisher.acknowledged().then(() => {
          for (const port of publisher.ports) {
            // One that subscribed since then has all there was.
            if (port instanceof FakeGateway && port.number >= 0) assert(port.number >= number);
          }
        });
        await Promise.resolve();
      }
      while (gateways.some(({ isAsked }) => isAsked)) {
        for (const one of gateways) one.acknowledge();
        await new Promise(setImmediate);
      }
      await publisher.acknowledged();
      for (const one of gateways) {
        assert.deepEqual(one.entries, table);
        assert.deepEqual(one.routes, routes);
      }
    }),
    { numRuns: 500 },
  );
});

test("a gateway that is told once more is told only what is new", async () => {
  const publisher = new RoutePublisher();
  publisher.setDeployment(entry("a", ""));
  publisher.setDeployment(entry("b", ""));
  const updates: RouteUpdate[] = [];
  const gateway = new FakeGateway();
  const port: GatewayPort = Object.assign(Object.create(gateway) as FakeGateway, {
    apply: (update: RouteUpdate) => void updates.push(update),
  });
  await publisher.subscribe(port);
  publisher.setDeployment(entry("b", "new"));
  publisher.removeDeployment("a");
  publisher.removeDeployment("a");
  assert.deepEqual(
    updates.map(({ deployments, removed }) => [deployments.map(({ key }) => key), removed]),
    [
      [["a", "b"], []],
      [["b"], []],
      [[], ["a"]],
    ],
  );
});

test("a gateway that never answers holds up nobody once it is gone", async () => {
  const publisher = new RoutePublisher();
  const gateway = new FakeGateway();
  const subscribed = publisher.subscribe(gateway);
  publisher.setDeployment(entry("a", ""));
  const acknowledged = publisher.acknowledged();
  gateway.die();
  await Promise.all([subscribed, acknowledged]);
  assert.deepEqual(publisher.ports, []);
});

test("a replica is vacated when every gateway knows and has nothing there, or is gone", async () => {
  const turn = (): Promise<unknown> => new Promise(setImmediate);
  const publisher = new RoutePublisher();
  const [busy, dying] = [new FakeGateway(), new FakeGateway()];
  const acknowledge = async (): Promise<void> => {
    for (const gateway of [busy, dying]) gateway.acknowledge();
    await turn();
  };
  for (const gateway of [busy, dying]) void publisher.subscribe(gateway);
  await acknowledge();
  let asked = 0;
  busy.vacated = () => {
    asked++;
    return busy.vacating.promise;
  };
  let vacated = false;
  publisher.setDeployment(entry("a", "it leaves"));
  const promise = publisher.vacated("a", "a#0").then(() => (vacated = true));
  await turn();
  assert.equal(asked, 0, "it does not know yet");
  await acknowledge();
  assert.equal(asked, 1);
  dying.vacating.reject(new Error("gone"));
  await turn();
  assert.equal(vacated, false);
  busy.vacating.resolve();
  await promise;
});
