// Nodes that a request may not go to: those that drain, and those with as many of its group as they may have.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type Lease, Scheduler } from "../../../../runtime/core/scheduling/index.ts";
import type { PlacementData } from "../../../../runtime/core/workers/messages.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { checkProperty } from "../../../support/properties.ts";

class Desk {
  readonly clock = new FakeClock();
  readonly scheduler = new Scheduler({ clock: this.clock, random: () => 0 });

  constructor(nodes: Record<string, number>) {
    for (const [id, cpus] of Object.entries(nodes))
      this.scheduler.addNode({ id, resources: { num_cpus: cpus } });
  }

  ask(cpus: number, perNode?: PlacementData["perNode"], nodeId?: string) {
    const leases: Lease[] = [];
    const { kind, message } = this.scheduler.request(
      {
        resources: { num_cpus: cpus },
        strategy: nodeId === undefined ? { kind: "DEFAULT" } : { kind: "NODE_AFFINITY", nodeId, soft: false },
        ...(perNode === undefined ? {} : { perNode }),
      },
      { onGranted: (lease) => leases.push(lease), onInfeasible: () => {}, onLost: () => {} },
    );
    return { kind, message, leases, node: leases[0]?.nodeId };
  }
}

suite("a node that drains", () => {
  test("gets nothing new, keeps what it has, and may be used again", () => {
    const desk = new Desk({ a: 2, b: 1 });
    assert.equal(desk.ask(1).node, "a");
    desk.scheduler.drainNode("a", true);
    assert.equal(desk.ask(1).node, "b");
    const waits = desk.ask(1);
    assert.deepEqual(
      [waits.kind, waits.message],
      ["queued", 'needs 1 num_cpus, 0 free of 1; node "a" drains'],
    );
    assert.equal(desk.scheduler.isDraining("a"), true);
    desk.scheduler.drainNode("a", false);
    assert.equal(waits.leases[0]?.nodeId, "a");
    assert.throws(() => desk.scheduler.drainNode("c", true), { code: "NOT_FOUND" });
  });

  test("makes what only it could hold wait, and what no node could hold still fails", () => {
    const desk = new Desk({ a: 4, b: 1 });
    desk.scheduler.drainNode("a", true);
    assert.equal(desk.ask(3).kind, "queued");
    assert.equal(desk.ask(5).kind, "infeasible");
    assert.equal(desk.ask(1, undefined, "a").kind, "queued");
  });

  test("holds no bundles of new placement groups, and what they wait for is said", () => {
    const desk = new Desk({ a: 4 });
    desk.scheduler.drainNode("a", true);
    const bundles = [{ num_cpus: 1 }, { num_cpus: 2 }];
    const group = desk.scheduler.createPlacementGroup({ id: 1, strategy: "PACK", bundles });
    assert.deepEqual([group.state, group.whyNever(desk.scheduler.nodes)], ["PENDING", undefined]);
    const { message } = desk.scheduler.request(
      { resources: {}, strategy: { kind: "PLACEMENT_GROUP", group: 1, bundle: 0 } },
      { onGranted: () => {}, onInfeasible: () => {}, onLost: () => {} },
    );
    assert.match(message, /bundle 0 has no node that could hold it; node "a" drains/);
    desk.scheduler.drainNode("a", false);
    assert.equal(group.state, "CREATED");
  });
});

suite("at most so many of a group per node", () => {
  const perNode = { group: "g", most: 1 };

  test("holds, is said, and ends with the leases", () => {
    const desk = new Desk({ a: 4, b: 4 });
    const [first, second, third] = [desk.ask(1, perNode), desk.ask(1, perNode), desk.ask(1, perNode)];
    assert.deepEqual([first.node, second.node, third.kind], ["a", "b", "queued"]);
    assert.equal(third.message, 'waits: at most 1 of "g" per node, on 2 nodes');
    assert.equal(desk.ask(1, { group: "other", most: 1 }).kind, "granted");
    second.leases[0]?.release();
    assert.equal(third.leases[0]?.nodeId, "b");
  });

  test("does not keep a node for one that waits for its group (invariant 5)", () => {
    const desk = new Desk({ a: 4 });
    desk.ask(1, perNode);
    assert.equal(desk.ask(1, perNode).kind, "queued");
    desk.clock.advance(60_000);
    desk.ask(1).leases[0]?.release(); // a return of resources looks at who has waited for long
    assert.equal(desk.ask(1).kind, "granted");
  });

  test("is never passed, whatever comes and goes, and nobody waits in vain (random)", (t) => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("ask"), at: fc.nat(2) }),
      fc.record({ do: fc.constant("release"), at: fc.nat(20) }),
      fc.record({ do: fc.constantFrom("drain", "undrain"), at: fc.nat(2) }),
    );
    checkProperty(
      t,
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const desk = new Desk({ a: 3, b: 3, c: 3 });
        const nodes = ["a", "b", "c"];
        const held: { readonly lease: Lease; readonly group: string }[] = [];
        const asked: { readonly leases: Lease[]; readonly group: string }[] = [];
        const drained = new Set<string>();
        for (const { do: what, at } of steps) {
          const node = nodes[at] ?? "a";
          if (what === "ask") {
            const group = `g${at}`;
            asked.push({ ...desk.ask(1, { group, most: 2 }), group });
          } else if (what === "release") held.splice(at % Math.max(1, held.length), 1)[0]?.lease.release();
          else {
            desk.scheduler.drainNode(node, what === "drain");
            if (what === "drain") drained.add(node);
            else drained.delete(node);
          }
          for (const { leases, group } of asked)
            for (const lease of leases.splice(0)) held.push({ lease, group });
          for (const { id, pool } of desk.scheduler.nodes) {
            for (const group of ["g0", "g1", "g2"]) {
              const mine = held.filter((one) => one.group === group);
              const there = mine.filter(({ lease }) => lease.nodeId === id).length;
              assert(there <= 2);
              const waiting = asked.filter((one) => one.group === group).length - mine.length;
              const released = steps.some((one) => one.do === "release");
              if (!released && waiting > 0 && !drained.has(id))
                assert(there === 2 || pool.free("num_cpus") === 0);
            }
          }
        }
      }),
    );
  });
});
