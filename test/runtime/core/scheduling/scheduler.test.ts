// Who gets which resources, when: the strategies, the queues, placement groups, and that the accounts always agree.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { type Lease, Scheduler } from "../../../../runtime/core/scheduling/index.ts";
import type { PlacementData, StrategyData } from "../../../../runtime/core/workers/messages.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { checkProperty } from "../../../support/properties.ts";

const DEFAULT: StrategyData = { kind: "DEFAULT" };

function schedulerOf(nodes: Record<string, Record<string, number>>, clock = new FakeClock()): Scheduler {
  const scheduler = new Scheduler({ clock, random: () => 0 });
  for (const [id, resources] of Object.entries(nodes)) {
    scheduler.addNode({ id, resources, labels: { zone: id } });
  }
  return scheduler;
}

function placement(resources: Record<string, number>, strategy: StrategyData = DEFAULT): PlacementData {
  return { resources, strategy };
}

interface Asked {
  readonly kind: string;
  readonly message: string;
  readonly leases: Lease[];
  readonly cancel: () => void;
  lost: number;
  refused: string | undefined;
}

function ask(scheduler: Scheduler, wanted: PlacementData): Asked {
  const leases: Lease[] = [];
  const asked: Asked = { kind: "", message: "", leases, cancel: () => {}, lost: 0, refused: undefined };
  const { kind, message, ticket } = scheduler.request(wanted, {
    onGranted: (lease) => leases.push(lease),
    onLost: () => {
      asked.lost++;
    },
    onInfeasible: (why) => {
      asked.refused = why;
    },
  });
  return Object.assign(asked, { kind, message, cancel: () => ticket.cancel() });
}

function freeCpus(scheduler: Scheduler): number[] {
  return scheduler.nodes.map(({ pool }) => pool.amounts()["num_cpus"]?.free ?? 0);
}

suite("requests", () => {
  test("one is granted at once, queued, or told that it never can be", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 2 } });
    assert.equal(ask(scheduler, placement({ num_cpus: 1.5 })).kind, "granted");
    const queued = ask(scheduler, placement({ num_cpus: 1 }));
    assert.deepEqual([queued.kind, queued.message], ["queued", "needs 1 num_cpus, 0.5 free of 2"]);
    const never = ask(scheduler, placement({ num_cpus: 3 }));
    assert.deepEqual([never.kind, never.message], ["infeasible", "needs 3 num_cpus, 0.5 free of 2"]);
  });

  test("a return of resources grants the oldest first; a cancelled one is passed over (invariant 1)", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 1 } });
    const first = ask(scheduler, placement({ num_cpus: 1 }));
    const [second, third] = [
      ask(scheduler, placement({ num_cpus: 1 })),
      ask(scheduler, placement({ num_cpus: 1 })),
    ];
    second.cancel();
    first.leases[0]?.release();
    first.leases[0]?.release();
    assert.deepEqual([second.leases.length, third.leases.length], [0, 1]);
    assert.deepEqual(freeCpus(scheduler), [0]);
  });

  test("a large request is not starved by small ones (invariant 2)", () => {
    const clock = new FakeClock();
    const scheduler = schedulerOf({ a: { num_cpus: 2 } }, clock);
    const small = [1, 2].map(() => ask(scheduler, placement({ num_cpus: 1 })));
    const large = ask(scheduler, placement({ num_cpus: 2 }));
    small[0]?.leases[0]?.release();
    assert.equal(ask(scheduler, placement({ num_cpus: 1 })).kind, "granted", "it has not waited for long");
    clock.advance(3_000);
    small[1]?.leases[0]?.release();
    const late = ask(scheduler, placement({ num_cpus: 1 }));
    assert.equal(late.kind, "queued");
    assert.equal(large.leases.length, 0);
    large.cancel();
    assert.equal(late.leases.length, 1, "nobody it is kept for any more");
  });

  test("lent CPUs are used by others and come back before the queue (invariant 3)", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 1 } });
    const parent = ask(scheduler, placement({ num_cpus: 1 }));
    const child = ask(scheduler, placement({ num_cpus: 1 }));
    const other = ask(scheduler, placement({ num_cpus: 1 }));
    const [lease] = parent.leases;
    assert.ok(lease !== undefined);
    lease.block();
    assert.equal(child.leases.length, 1);
    let back = 0;
    lease.unblock(() => back++);
    assert.equal(back, 0);
    child.leases[0]?.release();
    assert.deepEqual([back, other.leases.length], [1, 0]);
    lease.release();
    assert.equal(other.leases.length, 1);
  });

  test("whole GPUs are told by their devices, shares of one stay on one", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 8, num_gpus: 2 } });
    const ids = (wanted: number): readonly number[] | undefined =>
      ask(scheduler, placement({ num_gpus: wanted })).leases[0]?.gpuIds;
    assert.deepEqual([ids(0.5), ids(0.5), ids(1), ids(0.1)], [[0], [0], [1], undefined]);
  });
});

suite("strategies", () => {
  const two = { a: { num_cpus: 4 }, b: { num_cpus: 4 } };
  const nodeOf = (asked: Asked): string | undefined => asked.leases[0]?.nodeId;

  test("DEFAULT fills a node to half, then goes where most is free", () => {
    const scheduler = schedulerOf(two);
    const nodes = Array.from({ length: 6 }, () => nodeOf(ask(scheduler, placement({ num_cpus: 1 }))));
    assert.deepEqual(nodes, ["a", "a", "b", "b", "a", "b"]);
  });

  test("SPREAD goes round", () => {
    const scheduler = schedulerOf(two);
    const spread = placement({ num_cpus: 1 }, { kind: "SPREAD" });
    assert.deepEqual(
      Array.from({ length: 4 }, () => nodeOf(ask(scheduler, spread))),
      ["a", "b", "a", "b"],
    );
  });

  test("NODE_AFFINITY waits for its node, a soft one goes elsewhere, a wrong one is told", () => {
    const scheduler = schedulerOf(two);
    const to = (nodeId: string, soft: boolean): PlacementData =>
      placement({ num_cpus: 4 }, { kind: "NODE_AFFINITY", nodeId, soft });
    assert.equal(nodeOf(ask(scheduler, to("b", false))), "b");
    assert.equal(ask(scheduler, to("b", false)).kind, "queued");
    assert.equal(nodeOf(ask(scheduler, to("b", true))), "a");
    assert.match(ask(scheduler, to("c", false)).message, /no node "c"/);
  });

  test("labels: equal, one of, none of, and fallbacks in their order", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 1 }, b: { num_cpus: 1 }, c: { num_cpus: 1 } });
    const by = (...zones: string[]): PlacementData =>
      placement({ num_cpus: 1 }, { kind: "LABELS", selectors: zones.map((zone) => ({ zone })) });
    assert.equal(nodeOf(ask(scheduler, by("!in(a,b)"))), "c");
    assert.equal(nodeOf(ask(scheduler, by("c", "in(b,c)"))), "b");
    assert.equal(ask(scheduler, by("b")).kind, "queued");
    assert.match(ask(scheduler, by("x")).message, /no node has the labels zone: x/);
  });
});

suite("placement groups", () => {
  const bundle = { num_cpus: 1 };

  test("all bundles are reserved or none", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 2 } });
    const held = ask(scheduler, placement({ num_cpus: 1 }));
    let created = 0;
    const group = scheduler.createPlacementGroup({
      id: 1,
      strategy: "PACK",
      bundles: [bundle, bundle],
      onCreated: () => created++,
    });
    assert.deepEqual([group.state, freeCpus(scheduler)], ["PENDING", [1]]);
    held.leases[0]?.release();
    assert.deepEqual([group.state, created, freeCpus(scheduler)], ["CREATED", 1, [0]]);
    scheduler.removePlacementGroup(1);
    assert.deepEqual(freeCpus(scheduler), [2]);
  });

  test("the strict strategies are strict", () => {
    const nodes = { a: { num_cpus: 2 }, b: { num_cpus: 2 } };
    const nodesOf = (strategy: "STRICT_PACK" | "STRICT_SPREAD" | "SPREAD" | "PACK", count: number) => {
      const scheduler = schedulerOf(nodes);
      const group = scheduler.createPlacementGroup({
        id: 1,
        strategy,
        bundles: Array.from({ length: count }, () => bundle),
      });
      return group.whyNever(scheduler.nodes) !== undefined
        ? "never"
        : group.bundles.map((one) => one?.node.id).join("");
    };
    assert.deepEqual([nodesOf("STRICT_PACK", 2), nodesOf("STRICT_PACK", 3)], ["aa", "never"]);
    assert.deepEqual([nodesOf("STRICT_SPREAD", 2), nodesOf("STRICT_SPREAD", 3)], ["ab", "never"]);
    assert.deepEqual([nodesOf("PACK", 3), nodesOf("SPREAD", 3)], ["aab", "aba"]);
  });

  test("requests are held by their bundle; after a removal the waiting and the later ones are refused", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 4 } });
    scheduler.createPlacementGroup({ id: 1, strategy: "PACK", bundles: [bundle, bundle] });
    const into = (index: number): Asked =>
      ask(scheduler, placement(bundle, { kind: "PLACEMENT_GROUP", group: 1, bundle: index }));
    const [first, any, third] = [into(0), into(-1), into(0)];
    assert.deepEqual([first.kind, any.kind, third.kind], ["granted", "granted", "queued"]);
    assert.match(into(2).message, /has 2 bundles, none is number 2/);
    scheduler.removePlacementGroup(1);
    assert.deepEqual([first.lost, any.lost, third.refused], [1, 1, "its placement group was removed"]);
    assert.deepEqual(freeCpus(scheduler), [2], "what is held has not returned");
    first.leases[0]?.release();
    any.leases[0]?.release();
    assert.deepEqual(freeCpus(scheduler), [4]);
    assert.equal(into(0).kind, "infeasible");
  });

  test("what can never be placed is told once it is asked for, until there is a node for it (4)", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 2 } });
    const spread = scheduler.createPlacementGroup({
      id: 1,
      strategy: "STRICT_SPREAD",
      bundles: [bundle, bundle],
    });
    const into = (): Asked =>
      ask(scheduler, placement(bundle, { kind: "PLACEMENT_GROUP", group: 1, bundle: 0 }));
    const [never, again] = [into(), into()];
    assert.deepEqual(
      [never.kind, again.message],
      [
        "infeasible",
        "its placement group can never be placed: its 2 bundles need a node each (STRICT_SPREAD), there is 1",
      ],
    );
    const held = ask(scheduler, placement({ num_cpus: 2 }));
    scheduler.addNode({ id: "b", resources: { num_cpus: 1 } });
    const waits = into();
    assert.equal(waits.kind, "queued");
    scheduler.removeNode("b");
    assert.deepEqual([into().kind, waits.refused], ["infeasible", undefined], "who waits is not sent away");
    scheduler.addNode({ id: "c", resources: { num_cpus: 1 } });
    held.leases[0]?.release();
    assert.deepEqual([spread.state, waits.leases.length], ["CREATED", 1]);
  });

  test("after the loss of a node only its bundles are sought again", () => {
    const scheduler = schedulerOf({ a: { num_cpus: 1 }, b: { num_cpus: 1 } });
    const group = scheduler.createPlacementGroup({
      id: 1,
      strategy: "SPREAD",
      bundles: [bundle, bundle],
    });
    const inB = ask(scheduler, placement(bundle, { kind: "PLACEMENT_GROUP", group: 1, bundle: 1 }));
    scheduler.removeNode("b");
    assert.deepEqual([group.state, inB.lost], ["RESCHEDULING", 1]);
    scheduler.addNode({ id: "c", resources: { num_cpus: 1 } });
    assert.deepEqual([group.state, group.bundles.map((one) => one?.node.id)], ["CREATED", ["a", "c"]]);
  });
});

test("whatever happens, nothing goes negative, nothing leaks and what is free is granted", (context) => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("request"),
        cpus: fc.integer({ min: 1, max: 30_000 }),
        into: fc.nat(5),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constantFrom("release", "block", "unblock", "cancel"), at: fc.nat(50) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom("group", "ungroup"),
        at: fc.nat(4),
        count: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("node", "unnode"), at: fc.nat(3) }) },
  );
  checkProperty(
    context,
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const scheduler = schedulerOf({ n0: { num_cpus: 3 } });
      const asked: Asked[] = [];
      for (const one of steps) {
        if ("cpus" in one) {
          const strategy: StrategyData =
            one.into === 0 ? DEFAULT : { kind: "PLACEMENT_GROUP", group: one.into, bundle: -1 };
          asked.push(ask(scheduler, placement({ num_cpus: one.cpus / 10_000 }, strategy)));
        } else if (one.do === "release") asked[one.at]?.leases[0]?.release();
        else if (one.do === "block") asked[one.at]?.leases[0]?.block();
        else if (one.do === "unblock") asked[one.at]?.leases[0]?.unblock(() => {});
        else if (one.do === "cancel") asked[one.at]?.cancel();
        else if (one.do === "ungroup") scheduler.removePlacementGroup(one.at + 1);
        else if (one.do === "unnode" && one.at > 0 && scheduler.nodes.some(({ id }) => id === `n${one.at}`))
          scheduler.removeNode(`n${one.at}`);
        else if (one.do === "node" && !scheduler.nodes.some(({ id }) => id === `n${one.at}`)) {
          scheduler.addNode({ id: `n${one.at}`, resources: { num_cpus: 2 } });
        } else if ("count" in one && scheduler.placementGroup(one.at + 1) === undefined) {
          const bundles = Array.from({ length: one.count }, () => ({ num_cpus: 1 }));
          scheduler.createPlacementGroup({ id: one.at + 1, strategy: "SPREAD", bundles });
        }
        assert.ok(asked.every(({ leases }) => leases.length <= 1));
        assert.ok(freeCpus(scheduler).every((free) => free >= 0));
      }
      // Everything let go: every node is whole again.
      for (const group of Array.from(scheduler.placementGroups))
        scheduler.removePlacementGroup(group.spec.id);
      for (const one of asked) one.cancel();
      for (const { leases } of asked) leases[0]?.release();
      for (const { pool } of scheduler.nodes) {
        const { free, total } = pool.amounts()["num_cpus"] ?? { free: 0, total: 1 };
        assert.equal(free, total);
      }
      assert.deepEqual(scheduler.demand(), []);
    }),
    2_000,
  );
});
