// Which placement groups can never be placed, held against trying every combination.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { whyNever } from "../../../../runtime/core/scheduling/never-fits.ts";
import type { SchedulableNode } from "../../../../runtime/core/scheduling/pick-node.ts";
import { type PlacementStrategy, planBundles } from "../../../../runtime/core/scheduling/plan-bundles.ts";
import { Pool } from "../../../../runtime/core/scheduling/pool.ts";
import { unitsOf } from "../../../../runtime/core/scheduling/resources.ts";
import { checkProperty } from "../../../support/properties.ts";

type Amounts = Readonly<Record<string, number>>;

const STRATEGIES = ["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"] as const;

function nodesOf(totals: readonly Amounts[]): SchedulableNode[] {
  return totals.map((total, index) => ({ id: `n${index}`, labels: {}, pool: new Pool(unitsOf(total)) }));
}

function why(totals: readonly Amounts[], bundles: readonly Amounts[], strategy: PlacementStrategy) {
  return whyNever(nodesOf(totals), bundles.map(unitsOf), strategy);
}

/** By trying every node for every bundle. */
function canBe(
  totals: readonly Amounts[],
  bundles: readonly Amounts[],
  strategy: PlacementStrategy,
): boolean {
  const left = totals.map((total) => ({ ...total }));
  const on: number[] = [];
  const from = (index: number): boolean => {
    const bundle = bundles[index];
    if (bundle === undefined) return true;
    return left.some((room, at) => {
      if (strategy === "STRICT_SPREAD" && on.includes(at)) return false;
      if (strategy === "STRICT_PACK" && on.length > 0 && on[0] !== at) return false;
      if (Object.entries(bundle).some(([resource, amount]) => (room[resource] ?? 0) < amount)) return false;
      for (const [resource, amount] of Object.entries(bundle))
        room[resource] = (room[resource] ?? 0) - amount;
      on.push(at);
      const found = from(index + 1);
      on.pop();
      for (const [resource, amount] of Object.entries(bundle))
        room[resource] = (room[resource] ?? 0) + amount;
      return found;
    });
  };
  return from(0);
}

test("a group is said to have no place exactly when no combination has one, and gets one if there is", (context) => {
  const amounts = (most: number) =>
    fc.record({ num_cpus: fc.integer({ min: 1, max: most }), licence: fc.nat(2) });
  checkProperty(
    context,
    fc.property(
      fc.array(amounts(5), { minLength: 1, maxLength: 3 }),
      fc.array(amounts(4), { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...STRATEGIES),
      (totals, bundles, strategy) => {
        const possible = canBe(totals, bundles, strategy);
        assert.equal(why(totals, bundles, strategy) === undefined, possible);
        const { kind } = planBundles(nodesOf(totals), bundles.map(unitsOf), { strategy });
        assert.equal(kind, possible ? "placed" : "none");
      },
    ),
  );
});

test("what is short is said", () => {
  const two = [{ num_cpus: 2, num_gpus: 1 }, { num_cpus: 4 }];
  for (const [totals, bundles, strategy, expected] of [
    [two, [{ num_cpus: 1 }, { num_cpus: 5 }], "PACK", "bundle 1 needs 5 num_cpus, the most a node has is 4"],
    [two, [{ licence: 0.5 }], "PACK", "bundle 0 needs 0.5 licence, the most a node has is 0"],
    [
      two,
      [{ num_cpus: 4, num_gpus: 1 }],
      "PACK",
      "bundle 0 needs 4 num_cpus and 1 num_gpus, no node has all of it",
    ],
    [
      two,
      [{ num_cpus: 3 }, { num_cpus: 3 }, { num_cpus: 3 }],
      "SPREAD",
      "its 3 bundles need 9 num_cpus together (SPREAD), all nodes together have 6",
    ],
    [
      two,
      [{ num_cpus: 3 }, { num_cpus: 2 }],
      "STRICT_PACK",
      "its 2 bundles need 5 num_cpus together (STRICT_PACK), the most a node has is 4",
    ],
    [
      two,
      [{ num_cpus: 1 }, { num_cpus: 1 }, { num_cpus: 1 }],
      "STRICT_SPREAD",
      "its 3 bundles need a node each (STRICT_SPREAD), there are 2",
    ],
    [
      two,
      [{ num_cpus: 3 }, { num_cpus: 3 }],
      "PACK",
      "its 2 bundles cannot be placed together, PACK on 2 nodes, even when nothing else runs",
    ],
  ] as const) {
    assert.equal(why(totals, bundles, strategy), expected);
  }
});

test("the largest bundle leaves the only node with a GPU to the one that needs it", () => {
  const totals = [{ num_cpus: 4, num_gpus: 1 }, { num_cpus: 4 }];
  const bundles = [{ num_cpus: 1, num_gpus: 1 }, { num_cpus: 4 }].map(unitsOf);
  const plan = planBundles(nodesOf(totals), bundles, { strategy: "STRICT_SPREAD" });
  assert.deepEqual(plan.kind === "placed" && plan.nodes.map(({ id }) => id), ["n0", "n1"]);
});

test("many bundles are not searched for: nothing is said of them, unless it is certain", () => {
  const totals = Array.from({ length: 100 }, (_, index) => ({ num_cpus: index % 2 === 0 ? 5 : 3 }));
  const bundles = Array.from({ length: 65 }, () => ({ num_cpus: 4 }));
  assert.equal(why(totals, bundles, "PACK"), undefined);
  assert.match(why(totals, [...bundles, { num_cpus: 6 }], "PACK") ?? "", /^bundle 65 needs 6 num_cpus/);
});
