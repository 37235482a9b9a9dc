// Virtual time, its events, and random numbers that can be repeated.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { EventQueue } from "../../../controller/simulator/kernel/event-queue.ts";
import { Random } from "../../../controller/simulator/kernel/random.ts";
import { VirtualTime } from "../../../controller/simulator/kernel/virtual-time.ts";
import { checkProperty } from "../../support/properties.ts";

suite("events", () => {
  test("come by time, those of one moment in the order in which they were added (1)", (t) => {
    checkProperty(
      t,
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), (times) => {
        const queue = new EventQueue();
        const seen: [number, number][] = [];
        for (const [index, atMs] of times.entries()) queue.add(atMs, () => seen.push([atMs, index]));
        for (let event = queue.take(); event !== undefined; event = queue.take()) event.fire?.();
        const wanted = times.map((atMs, index): [number, number] => [atMs, index]);
        assert.deepEqual(
          seen,
          wanted.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
        );
      }),
    );
  });
});

suite("virtual time", () => {
  test("promises settle between two events, however long their chain (1)", async () => {
    const time = new VirtualTime();
    const seen: string[] = [];
    const first = Promise.withResolvers<void>();
    time.timer(5, () => first.resolve());
    time.timer(5, () => seen.push(`event at ${time.nowMs()}`));
    void first.promise.then(async () => {
      for (let n = 0; n < 50; n++) await Promise.resolve();
      seen.push(`settled at ${time.nowMs()}`);
    });
    time.timer(5.001, () => seen.push("later"));
    await time.run(10);
    assert.deepEqual(seen, ["settled at 5", "event at 5", "later"]);
    assert.equal(time.nowMs(), 10);
  });

  test("the end of a turn comes after the other events of the moment, and before the next (2)", async () => {
    const time = new VirtualTime();
    const seen: string[] = [];
    time.timer(1, () => {
      time.afterTurn(() => {
        seen.push("turn");
        time.afterTurn(() => seen.push("next turn"));
      });
      seen.push("one");
    });
    time.timer(1, () => seen.push("two"));
    time.timer(1.5, () => seen.push("three"));
    await time.run(2);
    assert.deepEqual(seen, ["one", "two", "turn", "next turn", "three"]);
  });

  test("cancelled timers do not happen; sleeps end, or with their signal", async () => {
    const time = new VirtualTime();
    time.timer(1, () => assert.fail("cancelled")).cancel();
    const abort = new AbortController();
    time.timer(2, () => abort.abort(new Error("enough")));
    const short = time.sleep(1).then(() => time.nowMs());
    const long = assert.rejects(time.sleep(100, abort.signal), /enough/);
    await time.run(50);
    assert.equal(await short, 1);
    await long;
  });

  test("what an event throws ends the run", async () => {
    const time = new VirtualTime();
    time.timer(1, () => {
      throw new Error("in the event");
    });
    await assert.rejects(time.run(2), /in the event/);
  });
});

suite("random numbers", () => {
  const meanAndVariance = (draw: () => number, count = 60_000): readonly [number, number] => {
    const values = Array.from({ length: count }, draw);
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count];
  };

  test("the same seed and name give the same stream, others another", () => {
    const draws = (seed: number, name: string): number[] => {
      const random = new Random(seed).fork(name);
      return Array.from({ length: 5 }, () => random.next());
    };
    assert.deepEqual(draws(7, "a"), draws(7, "a"));
    assert.notDeepEqual(draws(7, "a"), draws(7, "b"));
    assert.notDeepEqual(draws(7, "a"), draws(8, "a"));
  });

  // From a fixed seed: each bound is many standard errors wide.
  for (const [name, draw, mean, variance] of [
    ["uniform", (random) => random.next(), 0.5, 1 / 12],
    ["exponential", (random) => random.exponential(3), 3, 9],
    ["normal", (random) => random.normal(), 0, 1],
    ["log-normal", (random) => random.logNormal(0.2), 1, 0.04],
    ["gamma", (random) => random.gamma(2.5), 2.5, 2.5],
    ["gamma of a small shape", (random) => random.gamma(0.25), 0.25, 0.25],
  ] as const satisfies readonly (readonly [string, (random: Random) => number, number, number])[]) {
    test(`${name}: its mean and variance`, () => {
      const random = new Random(12);
      const [m, v] = meanAndVariance(() => draw(random));
      assert(Math.abs(m - mean) < 0.02 * Math.max(1, mean), `mean ${m}`);
      assert(Math.abs(v - variance) < 0.06 * variance, `variance ${v}`);
    });
  }
});
