import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import type { TrafficConfig } from "../../../controller/config/index.ts";
import {
  FIRST_TRAFFIC,
  planTraffic,
  type TrafficMemory,
  type TrafficSeen,
  type VersionView,
} from "../../../controller/traffic/plan.ts";
import { tableOf } from "../../../controller/traffic/table-of.ts";
import { SLOTS } from "../../../controller/traffic/table.ts";
import type { TrafficReport, VersionTally } from "../../../controller/traffic/tally.ts";
import { checkProperty } from "../../support/properties.ts";
import { SPEC, tally, traffic, version } from "./support.ts";

const CANARY = traffic(version("stable", { weight: 100 }), version("next", { canary: SPEC }));
const WELL: VersionView = { healthy: true, ready: true, failed: false, message: "", key: "k1" };

/** A plan that is carried on with. */
class Course {
  memory: TrafficMemory = FIRST_TRAFFIC;
  config: TrafficConfig;
  nowMs = 0;
  readonly views = new Map<string, VersionView>();

  constructor(config: TrafficConfig) {
    this.config = config;
    for (const { deployment } of config.versions) this.views.set(deployment, WELL);
  }

  /** Plans after `afterMs`, with what was counted meanwhile. */
  plan(afterMs = 0, versions: Readonly<Record<string, VersionTally>> = {}): this {
    this.nowMs += afterMs;
    const report: TrafficReport = { versions, shadows: {} };
    const seen: TrafficSeen = {
      versions: this.views,
      report,
      nowMs: this.nowMs,
      epochMs: 1_000 + this.nowMs,
    };
    this.memory = planTraffic(this.config, this.memory, seen);
    return this;
  }

  see(deployment: string, more: Partial<VersionView>): this {
    this.views.set(deployment, { ...WELL, ...more });
    return this;
  }

  get table() {
    return tableOf(this.config, this.memory, { application: "app", revision: 1 });
  }

  /** Slots by deployment. */
  get slots(): Record<string, number> {
    const slots: Record<string, number> = {};
    for (const { deployment, length } of this.memory.slots)
      slots[deployment] = (slots[deployment] ?? 0) + length;
    return slots;
  }

  get story(): string[] {
    return this.memory.history.map(
      ({ deployment, change, reason }) => `${deployment}: ${change} (${reason})`,
    );
  }

  get state(): string | undefined {
    return this.memory.canary?.kind;
  }
}

const LATENCIES = Array.from({ length: 200 }, (_, index) => 10 + (index % 10));
const good = (): Record<string, VersionTally> => ({
  stable: tally({}, LATENCIES),
  next: tally({}, LATENCIES),
});

describe("a canary", () => {
  test("waits until it is healthy, goes step by step, and is promoted; the story says why (invariant 1)", () => {
    const course = new Course(CANARY).see("next", { healthy: false, ready: true }).plan(0, good());
    assert.deepEqual([course.state, course.slots], ["WAITING", { stable: SLOTS }]);
    course.see("next", { healthy: false, ready: false, message: "0 of 1 replicas run" }).plan(1_000);
    assert.equal(course.memory.canary?.reason, "until it is healthy: 0 of 1 replicas run");
    course.see("next", {}).plan(1_000, good());
    assert.deepEqual(course.slots, { stable: 9_500, next: 500 });
    course.plan(5_000, good());
    assert.deepEqual(course.slots, { stable: 9_500, next: 500 });
    course.plan(5_000);
    assert.deepEqual(course.slots, { stable: 7_500, next: 2_500 });
    course.plan(10_000);
    assert.deepEqual(course.slots, { stable: 7_500, next: 2_500 });
    assert.match(course.memory.canary?.reason ?? "", /waits for requests: 0 of 100/);
    course.plan(0, good());
    assert.deepEqual(course.slots, { stable: 5_000, next: 5_000 });
    course.plan(10_000, good());
    assert.deepEqual([course.state, course.slots], ["PROMOTED", { next: SLOTS }]);
    course.plan(10_000, { next: tally({ failed: 1_000 }) });
    assert.equal(course.state, "PROMOTED");
    const summary = "200 requests, failed 0 %, p95 19 ms next to 19 ms";
    assert.deepEqual(
      course.story.map((line) => line.replaceAll(/\d+\.\d+ ms/g, "19 ms")),
      [
        "next: none → WAITING (until it is healthy)",
        "next: WAITING → 5 % (it is healthy)",
        `next: 5 % → 25 % (${summary})`,
        `next: 25 % → 50 % (${summary})`,
        `next: 50 % → PROMOTED (${summary})`,
      ],
    );
  });

  test("that fails is rolled back at the next look, and stays so until another version or other terms are tried", () => {
    const course = new Course(CANARY).plan();
    course.plan(1_000, { stable: tally({}, LATENCIES), next: tally({ failed: 30 }) });
    assert.deepEqual([course.state, course.slots], ["ROLLED_BACK", { stable: SLOTS }]);
    assert.match(
      course.story.at(-1) ?? "",
      /5 % → ROLLED_BACK \(fails 100 % \(30 of 30\), the stable version 0 %/,
    );
    course.plan(60_000, good());
    assert.equal(course.state, "ROLLED_BACK");
    course.see("next", { key: "k2" }).plan();
    assert.deepEqual([course.state, course.slots["next"]], ["STEPPING", 500]);
    course.plan(1_000, { next: tally({ failed: 30 }) });
    assert.equal(course.state, "ROLLED_BACK");
    course.config = traffic(
      version("stable", { weight: 100 }),
      version("next", { canary: { ...SPEC, steps: [1] } }),
    );
    course.plan();
    assert.deepEqual([course.state, course.slots["next"]], ["STEPPING", 100]);
  });

  test("is rolled back when its deployment is given up, not when its replicas are away for a moment", () => {
    const course = new Course(CANARY).plan();
    course.see("next", { healthy: false, ready: false, message: "0 of 1 replicas run" }).plan(1_000);
    assert.deepEqual([course.state, course.table.versions[1]?.answers], ["STEPPING", 0]);
    course.see("next", {}).plan(1_000);
    assert.deepEqual([course.state, course.table.versions[1]?.answers], ["STEPPING", 1]);
    course.see("next", { healthy: false, ready: false, failed: true, message: "no weights" }).plan(1_000);
    assert.equal(course.state, "ROLLED_BACK");
    assert.match(course.story.join("\n"), /ROLLED_BACK \(it was given up: no weights\)/);
  });

  test("is judged by each step's own requests: those of the steps before do not hide its failures", () => {
    const course = new Course(CANARY).plan();
    const many = Array.from({ length: 50 }, () => LATENCIES).flat();
    course.plan(10_000, { stable: tally({}, many), next: tally({}, many) });
    assert.equal(course.slots["next"], 2_500);
    course.plan(1_000, { stable: tally({}, LATENCIES), next: tally({ failed: 10 }, LATENCIES) });
    course.plan(9_000);
    assert.equal(course.state, "ROLLED_BACK");
  });

  test("that is held again and again is told of once", () => {
    const course = new Course(CANARY).plan();
    for (let round = 0; round < 5; round++) {
      course.plan(10_000, {
        stable: tally({ failed: 60 }, LATENCIES),
        next: tally({ failed: 60 }, LATENCIES),
      });
    }
    assert.deepEqual([course.state, course.slots["next"]], ["STEPPING", 500]);
    assert.equal(course.story.filter((line) => line.includes("held at 5 %")).length, 1);
  });

  test("has its share of what the stable version has, beside versions with weights of their own", () => {
    const course = new Course(
      traffic(
        version("stable", { weight: 60 }),
        version("other", { weight: 40 }),
        version("next", { canary: SPEC }),
      ),
    );
    assert.deepEqual(course.plan().slots, { stable: 5_700, other: 4_000, next: 300 });
  });

  test("counts what a report of another gateway process adds", () => {
    const course = new Course(CANARY).plan();
    for (let part = 0; part < 3; part++)
      course.plan(0, { next: tally({}, LATENCIES.slice(0, 40)), stable: good()["stable"] ?? tally({}) });
    course.plan(10_000);
    assert.equal(course.slots["next"], 2_500);
    assert.deepEqual(
      [course.memory.totals["next"]?.answered, course.memory.totals["stable"]?.answered],
      [120, 600],
    );
  });
});

describe("a version that cannot answer", () => {
  const config = traffic(
    version("stable", { weight: 70 }),
    version("other", { weight: 30 }),
    version("copy", { shadow: SHADOW() }),
  );

  test("has its share answered by the stable one, and says so; its slots stay its own (invariant 2)", () => {
    const course = new Course(config).plan();
    const before = course.memory.slots;
    course.see("other", { ready: false, failed: true, message: "no such file" }).plan(1_000);
    assert.deepEqual(
      course.table.versions.map(({ answers }) => answers),
      [0, 0, 2],
    );
    assert.deepEqual(course.memory.slots, before);
    course.see("other", {}).plan(1_000);
    assert.deepEqual(course.table.versions[1]?.answers, 1);
    assert.deepEqual(course.story, [
      'other: "stable" answers its share (no such file)',
      "other: it answers its share (it is ready)",
    ]);
  });

  test("is not what the stable one or a shadow is", () => {
    const course = new Course(config);
    course.see("stable", { ready: false, failed: true }).see("copy", { ready: false, failed: true }).plan();
    assert.deepEqual(
      course.table.versions.map(({ answers }) => answers),
      [0, 1, 2],
    );
    assert.deepEqual(course.story, []);
  });

  test("that is not there at all has no request", () => {
    const course = new Course(config);
    course.views.delete("other");
    assert.equal(course.plan().table.versions[1]?.answers, 0);
  });
});

function SHADOW() {
  return { percent: 50, relativeTolerance: 0, absoluteTolerance: 0, maxOngoingRequests: 1 };
}

describe("whatever happens", () => {
  const ILL = { ...WELL, healthy: false, message: "why" };
  const view = fc.constantFrom<VersionView>(
    WELL,
    WELL,
    WELL,
    { ...WELL, key: "k2" },
    ILL,
    { ...ILL, ready: false },
    { ...ILL, ready: false, failed: true },
  );
  const counts = fc.record({
    stable: fc.nat(300).map((count) => tally({}, LATENCIES.slice(0, count))),
    next: fc
      .tuple(fc.nat(200), fc.nat(3))
      .map(([count, failed]) => tally({ failed }, LATENCIES.slice(0, count))),
  });
  const step = fc.record({ afterMs: fc.nat(12_000), view, counts, weight: fc.constantFrom(100, 100, 60) });

  test("shares add up, what is told is what is, and with nothing new nothing changes", (t) => {
    checkProperty(
      t,
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const course = new Course(CANARY);
        let percent = 0;
        for (const { afterMs, view, counts, weight } of steps) {
          const [before, subject] = [course.memory, course.memory.canary?.subject];
          const others = weight === 100 ? [] : [version("other", { weight: 100 - weight })];
          course.config = traffic(
            version("stable", { weight }),
            version("next", { canary: SPEC }),
            ...others,
          );
          course.views.set("next", view);
          course.views.set("other", WELL);
          course.plan(afterMs, counts);
          const { slots, memory, table } = course;
          assert.equal(
            Object.values(slots).reduce((sum, length) => sum + length, 0),
            SLOTS,
          );
          assert.equal(slots["other"] ?? 0, (100 - weight) * 100);
          const now = ((slots["next"] ?? 0) / weight).toFixed(6);
          assert([0, 5, 25, 50, 100].includes(Number(now)), now);
          // It only grows, or falls to nothing, unless another version is tried.
          const same = memory.canary?.subject === subject || subject === undefined;
          if (same && Number(now) < percent) assert.equal(course.state, "ROLLED_BACK");
          percent = Number(now);
          if (before.canary?.kind !== memory.canary?.kind) {
            assert(memory.history.length > before.history.length || memory.history.length === 50);
          }
          assert.deepEqual(JSON.parse(JSON.stringify(table)), table);
          const [was, story] = [course.memory, course.story];
          course.plan();
          assert.deepEqual([course.memory.slots, course.story], [was.slots, story]);
        }
      }),
      300,
    );
  });
});
