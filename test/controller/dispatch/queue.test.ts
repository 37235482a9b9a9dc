// The queue against plain lists, and its promises: bands, shares, ageing.

import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import * as fc from "fast-check";
import { Entry } from "../../../controller/dispatch/entry.ts";
import type { Claim, Priority } from "../../../controller/dispatch/policy.ts";
import { PRIORITIES } from "../../../controller/dispatch/policy.ts";
import { PASSES, RequestQueue } from "../../../controller/dispatch/queue.ts";
import { checkProperty } from "../../support/properties.ts";
import { infer } from "./support.ts";

const KEYS = ["a", "b", "c"];
const TENANTS = ["", "x", "y"];

interface Entering {
  readonly key: string;
  readonly rows: number;
  readonly alone: boolean;
  readonly band: number;
  readonly tenant: string;
  readonly dueMs: number;
}

type Step =
  | ({ readonly do: "push" } & Entering)
  | ({ readonly do: "giveBack" } & Entering)
  | { readonly do: "remove"; readonly at: number }
  | { readonly do: "take"; readonly rows: number; readonly requests: number };

const entering = {
  key: fc.constantFrom(...KEYS),
  rows: fc.integer({ min: 1, max: 4 }),
  alone: fc.integer({ min: 0, max: 9 }).map((dice) => dice === 0),
  band: fc.nat(2),
  tenant: fc.constantFrom(...TENANTS),
  dueMs: fc.nat(5),
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("push" as const), ...entering }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("giveBack" as const), ...entering }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), at: fc.nat(50) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("take" as const),
        rows: fc.integer({ min: 1, max: 12 }),
        requests: fc.integer({ min: 1, max: 6 }),
      }),
    },
  ),
  { maxLength: 80 },
);

function entryOf({ key, rows, alone, band, tenant, dueMs }: Entering): Entry {
  const values = Array.from({ length: rows }, (_, index) => index);
  const entry = new Entry(infer(values, key), 0, Number.POSITIVE_INFINITY, { band, tenant, dueMs });
  entry.alone = alone;
  return entry;
}

function request({ priority = "normal", tenant = "" }: Claim = {}, dueMs = 0): Entry {
  return new Entry(infer([1]), 0, dueMs, { band: PRIORITIES.indexOf(priority), tenant, dueMs });
}

/** What may come along with `head`, and how much of it there is. */
function likeOf(list: readonly Entry[], head: Entry): number {
  if (head.alone) return head.rows;
  return list.reduce(
    (sum, entry) => sum + (entry.joinKey === head.joinKey && !entry.alone ? entry.rows : 0),
    0,
  );
}

test("nothing is lost, doubled or joined with what is unlike it, and no bound is passed (invariants 1 and 2)", (t) => {
  checkProperty(
    t,
    fc.property(steps, (history) => {
      const queue = new RequestQueue();
      const list = new Set<Entry>();
      for (const step of history) {
        if (step.do === "push" || step.do === "giveBack") {
          const entry = entryOf(step);
          queue[step.do](entry);
          list.add(entry);
        } else if (step.do === "remove") {
          const entry = [...list][step.at % Math.max(1, list.size)];
          if (entry === undefined) continue;
          queue.remove(entry);
          list.delete(entry);
        } else {
          const { head } = queue;
          if (head === undefined) continue;
          assert.equal(queue.rowsLike(head), likeOf([...list], head));
          const { taken, dropped } = queue.take(head, step);
          assert.equal(taken[0], head);
          assert.equal(dropped.length, 0);
          for (const entry of taken) assert(list.delete(entry));
          assert(taken.length === 1 || (!head.alone && taken.length <= step.requests));
          const rows = taken.reduce((sum, entry) => sum + entry.rows, 0);
          assert(taken.length === 1 || rows <= step.rows);
          assert(taken.every((entry) => entry === head || (!entry.alone && entry.joinKey === head.joinKey)));
        }
        assert.equal(queue.length, list.size);
        assert.equal(
          queue.rows,
          [...list].reduce((sum, { rows }) => sum + rows, 0),
        );
        assert.equal(queue.head === undefined, list.size === 0);
      }
    }),
    300,
  );
});

test("one tenant of one band is served in order of due time, then of age, whatever is removed (random)", (t) => {
  const arrivals = fc.array(fc.record({ dueMs: fc.nat(6), gone: fc.boolean() }), { maxLength: 60 });
  checkProperty(
    t,
    fc.property(arrivals, (history) => {
      const queue = new RequestQueue();
      const entries = history.map(({ dueMs }) => request({}, dueMs));
      for (const entry of entries) queue.push(entry);
      const left = entries.filter((entry, index) => {
        if (history[index]?.gone !== true) return true;
        queue.remove(entry);
        return false;
      });
      const served: Entry[] = [];
      for (let { head } = queue; head !== undefined; { head } = queue) {
        served.push(...queue.take(head, { rows: 3, requests: 3 }).taken);
      }
      const wanted = left.toSorted((a, b) => a.dueMs - b.dueMs || a.sequence - b.sequence);
      assert.deepEqual(
        served.map(({ sequence }) => sequence),
        wanted.map(({ sequence }) => sequence),
      );
    }),
  );
});

test("those whose time lasts are counted, of few that wait all (random)", (t) => {
  const arrivals = fc.array(
    fc.record({ dueMs: fc.nat(20), rows: fc.integer({ min: 1, max: 3 }), tenant: fc.constantFrom("x", "y") }),
    { minLength: 1, maxLength: 40 },
  );
  checkProperty(
    t,
    fc.property(arrivals, fc.nat(20), fc.integer({ min: 1, max: 10 }), (history, untilMs, wanted) => {
      const queue = new RequestQueue();
      for (const one of history) queue.push(entryOf({ ...one, key: "a", alone: false, band: 1 }));
      const { head } = queue;
      assert(head !== undefined);
      const lasting = history
        .filter(({ dueMs, tenant }) => dueMs >= untilMs && tenant === head.tenant)
        .reduce((sum, { rows }) => sum + rows, 0);
      const found = queue.hasPeersUntil(head, untilMs, wanted);
      if (history.length < 8 * wanted) assert.equal(found, lasting >= wanted);
      else assert(!found || lasting > 0);
    }),
  );
});

test("those whose time lasts are found among thousands by looking at some", () => {
  const queue = new RequestQueue();
  for (let dueMs = 0; dueMs < 20_000; dueMs++) queue.push(request({}, dueMs));
  serve(queue, 10_000);
  const { head } = queue;
  assert(head !== undefined);
  assert(queue.hasPeersUntil(head, 15_000, 50));
  assert(!queue.hasPeersUntil(head, 20_000, 50));
});

test("the head is taken however many rows it has", () => {
  const queue = new RequestQueue();
  const large = new Entry(infer([1, 2, 3]), 0, 0);
  queue.push(large);
  queue.push(new Entry(infer([4]), 0, 0));
  assert.deepEqual(queue.take(large, { rows: 2, requests: 9 }).taken, [large]);
});

/** Serves one request at a time and says whose it was. */
function serve(queue: RequestQueue, count: number): Entry[] {
  return Array.from({ length: count }, () => {
    const { head } = queue;
    assert(head !== undefined);
    queue.take(head, { rows: 1, requests: 1 });
    return head;
  });
}

describe("shares", () => {
  test("of those who always have something waiting are as their weights (random)", (t) => {
    const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 5 });
    checkProperty(
      t,
      fc.property(weights, fc.integer({ min: 1, max: 4 }), (shares, batch) => {
        const queue = new RequestQueue((tenant) => shares[Number(tenant)] ?? 1);
        const total = shares.reduce((sum, share) => sum + share, 0);
        const turns = 20 * total;
        // The first floods: it is all in the queue before anybody else comes.
        for (const [tenant] of shares.entries()) {
          for (let index = 0; index < turns; index++) queue.push(request({ tenant: String(tenant) }));
        }
        const served = new Map<string, number>();
        for (let left = turns; left > 0; ) {
          const { head } = queue;
          assert(head !== undefined);
          const { taken } = queue.take(head, { rows: batch, requests: batch });
          for (const { tenant } of taken) served.set(tenant, (served.get(tenant) ?? 0) + 1);
          left -= taken.length;
        }
        for (const [tenant, share] of shares.entries()) {
          const got = served.get(String(tenant)) ?? 0;
          assert(
            Math.abs(got - 20 * share) <= 2 * batch + shares.length,
            `${got} of ${20 * share} for ${share}`,
          );
        }
      }),
      100,
    );
  });

  it("give no credit for idleness, nor forget what was had", () => {
    const queue = new RequestQueue();
    for (let index = 0; index < 50; index++) queue.push(request({ tenant: "busy" }));
    serve(queue, 20);
    for (let index = 0; index < 20; index++) queue.push(request({ tenant: "late" }));
    const next = serve(queue, 20).filter(({ tenant }) => tenant === "late").length;
    assert(next >= 9 && next <= 11, `${next} of 20`);
  });

  it("are of rows: who sends larger requests is served fewer", () => {
    const queue = new RequestQueue();
    for (let index = 0; index < 40; index++) {
      const standing = { band: 1, dueMs: 0 };
      queue.push(new Entry(infer([1, 2, 3, 4]), 0, 0, { ...standing, tenant: "large" }));
      queue.push(new Entry(infer([1]), 0, 0, { ...standing, tenant: "small" }));
    }
    const large = serve(queue, 25).filter(({ tenant }) => tenant === "large").length;
    assert(large >= 4 && large <= 6, `${large} of 25`);
  });
});

describe("bands", () => {
  it("go from high to low, and a batch is filled from the others", () => {
    const queue = new RequestQueue();
    const [low, normal, high] = [
      request({ priority: "low" }),
      request({ priority: "normal" }),
      request({ priority: "high" }),
    ];
    for (const entry of [low, normal, high]) queue.push(entry);
    assert.equal(queue.head, high);
    assert.deepEqual(queue.take(high, { rows: 3, requests: 3 }).taken, [high, normal, low]);
  });

  it("never starve: one that waited while enough batches passed is next (invariant 3)", () => {
    const queue = new RequestQueue();
    queue.push(request({ priority: "low" }));
    queue.push(request({ priority: "normal" }));
    for (let index = 0; index < 3 * PASSES; index++) queue.push(request({ priority: "high" }));
    const bands = serve(queue, PASSES + 2).map(({ band }) => band);
    assert.deepEqual(bands.slice(0, PASSES), Array(PASSES).fill(0));
    assert.deepEqual(
      bands.slice(PASSES).toSorted((a, b) => a - b),
      [1, 2],
    );
  });

  it("never starve without room either: when due, one comes in and stays until it has gone (invariant 3)", () => {
    const queue = new RequestQueue();
    const most = 4;
    /** Comes to a full queue; gives who had to leave. */
    const come = (entry: Entry, priority: Priority): Entry | undefined => {
      const victim = queue.length < most ? undefined : queue.victimOf({ priority });
      if (queue.length >= most && victim === undefined) {
        queue.turnedAway({ priority });
        return entry;
      }
      if (victim !== undefined) queue.remove(victim);
      queue.push(entry);
      return victim;
    };
    const served: number[] = [];
    for (let batch = 0; batch < 10 * (PASSES + 2); batch++) {
      for (const priority of ["low", "normal", "high", "high", "high", "high"] as const)
        come(request({ priority }), priority);
      served.push(...serve(queue, 1).map(({ band }) => band));
    }
    assert.deepEqual(
      [0, 1, 2].map((band) => served.filter((one) => one === band).length),
      [10 * PASSES, 10, 10],
    );
  });

  it("are told when their turn comes at the latest", () => {
    const queue = new RequestQueue();
    for (let index = 0; index < 2 * PASSES; index++) queue.push(request({ priority: "high" }));
    serve(queue, 3);
    assert.equal(queue.placeOf({ priority: "low" }).turnIn, PASSES);
    queue.turnedAway({ priority: "low" });
    serve(queue, 3);
    assert.equal(queue.placeOf({ priority: "low" }).turnIn, PASSES - 3);
    serve(queue, PASSES);
    assert.equal(queue.placeOf({ priority: "low" }).turnIn, 0);
    queue.push(request({ priority: "low" }));
    assert.equal(queue.placeOf({ priority: "low" }).turnIn, Number.POSITIVE_INFINITY);
    assert.equal(queue.head?.band, 2);
  });

  it("come after what came back unanswered", () => {
    const queue = new RequestQueue();
    const back = request({ priority: "low" });
    queue.push(request({ priority: "high" }));
    queue.giveBack(back);
    assert.equal(queue.head, back);
  });
});

describe("who leaves a full queue", () => {
  it("is one of a lower band first", () => {
    const queue = new RequestQueue();
    const low = request({ priority: "low" });
    queue.push(request());
    queue.push(low);
    assert.equal(queue.victimOf({ priority: "high" }), low);
    assert.equal(queue.victimOf({ priority: "low" }), undefined);
  });

  it("is one of the tenant that has most waiting for its weight, unless that is who comes", () => {
    const queue = new RequestQueue((tenant) => (tenant === "heavy" ? 10 : 1));
    for (let index = 0; index < 8; index++) queue.push(request({ tenant: "flood" }));
    for (let index = 0; index < 20; index++) queue.push(request({ tenant: "heavy" }));
    assert.equal(queue.victimOf({ tenant: "other" })?.tenant, "flood");
    assert.equal(queue.victimOf({ tenant: "heavy" })?.tenant, "flood");
    assert.equal(queue.victimOf({ tenant: "flood" }), undefined);
  });

  it("is nobody when all have the same", () => {
    const queue = new RequestQueue();
    queue.push(request({ tenant: "a" }));
    queue.push(request({ tenant: "b" }));
    assert.equal(queue.victimOf({ tenant: "c" }), undefined);
  });
});

test("tenants that come once leave nothing behind that slows down the others", () => {
  const queue = new RequestQueue();
  for (let index = 0; index < 20_000; index++) {
    queue.push(request({ tenant: `t${index}` }));
    serve(queue, 1);
  }
  queue.push(request({ tenant: "a" }));
  assert.equal(queue.head?.tenant, "a");
  assert.equal(queue.placeOf({ tenant: "b" }).own, 0);
});
