import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TrafficConfig } from "../../../controller/config/index.ts";
import type { VersionView } from "../../../controller/traffic/plan.ts";
import { noRequests } from "../../../controller/traffic/tally.ts";
import { type TrafficTable, Traffic, TrafficRouter } from "../../../controller/traffic/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { SPEC, tally, traffic, version } from "./support.ts";

const CANARY = traffic(version("stable", { weight: 100 }), version("next", { canary: SPEC }));
const PLAIN = traffic(version("stable", { weight: 70 }), version("next", { weight: 30 }));
const WELL: VersionView = { healthy: true, ready: true, failed: false, message: "", key: "k1" };

function start(config: TrafficConfig, stored?: unknown) {
  const clock = new FakeClock();
  const views = new Map([
    ["stable", WELL],
    ["next", WELL],
  ]);
  const tables: TrafficTable[] = [];
  const memories: string[] = [];
  let router: TrafficRouter | undefined;
  const all: Traffic = new Traffic({
    clock,
    log: silentLog,
    look: (name) => views.get(name),
    onLook: () => {
      if (router !== undefined) all.report("app", router.meter.take());
    },
    onTable: () => {
      const table = all.table("app");
      assert(table !== undefined);
      tables.push(table);
      router?.adopt(table);
    },
    onMemory: (application) => void memories.push(application),
  });
  all.apply([{ name: "app", traffic: config }, { name: "other" }], new Map([["app", stored]]));
  const first = all.table("app");
  assert(first !== undefined);
  router = new TrafficRouter(first);
  return { all, router, clock, views, tables, memories };
}

const percents = ({ table }: TrafficRouter): number[] =>
  table.versions.map((_, index) =>
    table.slots.reduce((sum, { version, length }) => sum + (version === index ? length / 100 : 0), 0),
  );

describe("the loop", () => {
  test("looks by the clock while a canary is under way, and never otherwise", () => {
    const plain = start(PLAIN);
    assert.equal(plain.clock.pending, 0);
    const { all, router, clock } = start(CANARY);
    assert.deepEqual([clock.pending, percents(router)], [1, [95, 5]]);
    for (let step = 0; step < 3; step++) {
      for (let request = 0; request < 200; request++) router.meter.count(request % 2, "answered", 10);
      clock.advance(SPEC.intervalMs);
    }
    assert.deepEqual([all.status("app")?.canary?.state, percents(router)], ["PROMOTED", [0, 100]]);
    assert.equal(clock.pending, 0);
  });

  test("ends a canary that fails within a second", () => {
    const { all, router, clock } = start(CANARY);
    for (let request = 0; request < 20; request++)
      router.meter.count(request % 2, request % 2 === 0 ? "answered" : "failed", 10);
    clock.advance(1_000);
    assert.deepEqual(percents(router), [100, 0]);
    assert.match(all.status("app")?.canary?.reason ?? "", /fails 100 % \(10 of 10\)/);
    assert.equal(clock.pending, 0);
  });

  test("hears of deployments: a version that fails is answered for at once, by the same router", () => {
    const { all, router, views, tables } = start(PLAIN);
    const { revision } = router.table;
    views.set("next", { ...WELL, ready: false, failed: true, message: "no weights" });
    all.observe();
    assert.equal(router.chooser.byChance(0.99), 0);
    assert.deepEqual([router.table.revision, tables.at(-1)], [revision + 1, router.table]);
    all.observe();
    assert.equal(router.table.revision, revision + 1);
    const [, next] = all.status("app")?.versions ?? [];
    assert.deepEqual([next?.share, next?.trouble], [30, "no weights"]);
  });

  test("adds up what gateway processes report, its own among them, and judges by the sum", () => {
    const { all, router, clock } = start(CANARY);
    const remote = new TrafficRouter(JSON.parse(JSON.stringify(router.table)) as TrafficTable);
    for (let request = 0; request < 60; request++) {
      remote.meter.count(0, "answered", 10);
      remote.meter.count(1, "answered", 10);
      router.meter.count(1, "answered", 10);
    }
    remote.meter.countCopy(1, "different", { epochMs: 5, what: "y[0]" });
    all.report("app", remote.meter.take());
    all.report("app", { versions: { stable: tally({ failed: 1 }) }, shadows: {} });
    all.report("nowhere", { versions: { stable: noRequests() }, shadows: {} });
    clock.advance(SPEC.intervalMs);
    assert.deepEqual(percents(router), [75, 25]);
    const [stable, next] = all.status("app")?.versions ?? [];
    assert.deepEqual([stable?.answered, stable?.failed, next?.answered], [60, 1, 120]);
    assert.deepEqual(remote.meter.take().versions["next"], noRequests());
  });

  test("keeps sessions and canary over a config that says the same, takes the new one over, forgets what is gone", () => {
    const { all, router, clock } = start(CANARY);
    for (let request = 0; request < 400; request++) router.meter.count(request % 2, "answered", 10);
    clock.advance(SPEC.intervalMs);
    all.apply([{ name: "app", traffic: structuredClone(CANARY) }]);
    assert.deepEqual(percents(router), [75, 25]);
    const session = ["a", "b", "c", "d", "e", "f"].map((key) => router.chooser.ofSession(key));
    all.apply([
      { name: "app", traffic: traffic(version("stable", { weight: 75 }), version("next", { weight: 25 })) },
    ]);
    assert.deepEqual(percents(router), [75, 25]);
    assert.deepEqual(
      ["a", "b", "c", "d", "e", "f"].map((key) => router.chooser.ofSession(key)),
      session,
    );
    assert.equal(clock.pending, 0);
    all.apply([{ name: "app" }]);
    assert.deepEqual([all.table("app"), all.status("app")], [undefined, undefined]);
  });

  test("goes on where the server stood when it ended: a canary that failed stays so, one under way keeps its step", () => {
    for (const failed of [false, true]) {
      const { all, router, clock, memories } = start(CANARY);
      for (let request = 0; request < 400; request++) router.meter.count(request % 2, "answered", 10);
      clock.advance(SPEC.intervalMs);
      if (failed) for (let request = 0; request < 50; request++) router.meter.count(1, "failed", 0);
      clock.advance(1_000);
      assert.deepEqual(percents(router), failed ? [100, 0] : [75, 25]);
      assert.deepEqual(memories, ["app", "app", ...(failed ? ["app"] : [])]);
      const stored: unknown = JSON.parse(JSON.stringify(all.stored("app")));
      const again = start(CANARY, stored);
      assert.deepEqual(again.router.table.slots, router.table.slots);
      assert.equal(again.all.status("app")?.canary?.state, failed ? "ROLLED_BACK" : "STEPPING");
      assert.deepEqual(again.all.status("app")?.history, all.status("app")?.history);
      assert.equal(again.clock.pending, failed ? 0 : 1);
    }
  });

  test("begins anew on what it has not stored, or not so", () => {
    for (const stored of [
      undefined,
      null,
      "x",
      {},
      { slots: [{ deployment: "stable", length: 7 }], history: [] },
    ]) {
      assert.deepEqual(percents(start(CANARY, stored).router), [95, 5]);
    }
  });

  test("stops", () => {
    const { all, clock } = start(CANARY);
    all.stop();
    all.observe();
    assert.equal(clock.pending, 0);
  });
});

describe("a router", () => {
  test("goes on counting with another table, and anew when the versions are others", () => {
    const { router } = start(PLAIN);
    const { table, meter, chooser } = router;
    router.adopt(structuredClone(table));
    assert.equal(router.chooser, chooser);
    router.adopt({ ...table, sticky: { kind: "header", name: "x" } });
    assert.deepEqual([router.meter, router.chooser.sticky], [meter, { kind: "header", name: "x" }]);
    router.adopt({
      ...table,
      revision: table.revision + 2,
      versions: table.versions.slice(0, 1),
      slots: [{ version: 0, length: 10_000 }],
    });
    assert.notEqual(router.meter, meter);
    assert.deepEqual(Object.keys(router.meter.take().versions), ["stable"]);
  });

  test("bounds copies under way, and the differences it remembers", () => {
    const { router } = start(PLAIN);
    const { meter } = router;
    assert.deepEqual(
      [1, 2, 3].map(() => meter.enterCopy(1, 2)),
      [true, true, false],
    );
    meter.leaveCopy(1);
    assert.equal(meter.enterCopy(1, 2), true);
    assert.equal(meter.enterCopy(7, 2), false);
    for (let index = 0; index < 20; index++)
      meter.countCopy(1, "different", { epochMs: index, what: `y[${index}]` });
    const { different, differences } = meter.take().shadows["next"] ?? {};
    assert.deepEqual([different, differences?.length, differences?.at(-1)?.what], [20, 8, "y[19]"]);
  });
});
