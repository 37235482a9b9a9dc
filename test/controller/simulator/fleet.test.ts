// Replicas in virtual time: what they cost, in what order they go, what a death takes along.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Random } from "../../../controller/simulator/kernel/random.ts";
import { VirtualTime } from "../../../controller/simulator/kernel/virtual-time.ts";
import { Fleet, type FleetOptions } from "../../../controller/simulator/plant/fleet.ts";
import type { SimulatedReplica } from "../../../controller/simulator/plant/simulated-replica.ts";
import { reversalsOf } from "../../../controller/simulator/run/experiment.ts";
import { HpaPolicy, SloPolicy } from "../../../controller/autoscale/index.ts";
import { shortestQueue } from "../../../controller/simulator/systems/catalogue.ts";
import { at, PLAIN, poisson, run } from "./support.ts";

class Yard {
  readonly time = new VirtualTime();
  readonly ready: SimulatedReplica[] = [];
  readonly retired: string[] = [];
  readonly died: string[] = [];
  readonly gone: (() => void)[] = [];
  readonly fleet: Fleet;

  constructor(options: Partial<FleetOptions> = {}) {
    this.fleet = new Fleet({
      time: this.time,
      profile: PLAIN,
      random: new Random(1),
      hopMs: 0,
      startUpMs: 1_000,
      startUpNoise: 0,
      onReady: (replica) => this.ready.push(replica),
      onRetire: (replica, gone) => {
        this.retired.push(replica.id);
        this.gone.push(gone);
      },
      onDeath: ({ id }) => this.died.push(id),
      ...options,
    });
  }
}

suite("a fleet", () => {
  test("costs from being asked for until gone, starting and leaving included (2)", async () => {
    const yard = new Yard();
    yard.fleet.begin(2);
    await yard.time.run(1_000);
    assert.equal(yard.fleet.replicaMs, 2_000);
    yard.fleet.scaleTo(5);
    await yard.time.run(1_999);
    assert.deepEqual([yard.fleet.ready, yard.fleet.starting], [2, 3]);
    assert.equal(yard.fleet.replicaMs, 2_000 + 5 * 999);
    await yard.time.run(2_000);
    assert.deepEqual([yard.fleet.ready, yard.fleet.starting], [5, 0]);
    yard.fleet.scaleTo(4);
    await yard.time.run(3_000);
    yard.gone[0]?.();
    await yard.time.run(4_000);
    assert.equal(yard.fleet.replicaMs, 2_000 + 5_000 + 5_000 + 4_000);
  });

  test("goes down by those still starting, then by the youngest (1)", async () => {
    const yard = new Yard();
    yard.fleet.begin(2);
    yard.fleet.scaleTo(3);
    await yard.time.run(1_500);
    yard.fleet.scaleTo(5);
    yard.fleet.scaleTo(2);
    await yard.time.run(5_000);
    assert.deepEqual(yard.retired, ["replica-2"]);
    assert.equal(yard.ready.length, 3);
  });

  test("replaces what died, after a start-up; the dead cost no more", async () => {
    const yard = new Yard({ mtbfMs: 2_000 });
    yard.fleet.begin(3);
    await yard.time.run(60_000);
    assert(yard.died.length > 20, `${yard.died.length} deaths`);
    assert.equal(yard.fleet.ready + yard.fleet.starting, 3);
    assert.equal(Math.round(yard.fleet.replicaMs), 180_000);
  });

  test("many starts at once take longer where they share something", async () => {
    const yard = new Yard({ startUpContention: 1 });
    yard.fleet.begin(0);
    yard.fleet.scaleTo(3);
    const ready: number[] = [];
    for (let ms = 500; ms <= 4_000; ms += 1_000) {
      await yard.time.run(ms);
      ready.push(yard.fleet.ready);
    }
    assert.deepEqual(ready, [0, 1, 2, 3]);
  });
});

suite("a replica", () => {
  test("runs one batch after the other, and ends each once (1, 2)", async () => {
    const yard = new Yard({ hopMs: 2, slowness: (number) => (number === 0 ? 3 : 1) });
    yard.fleet.begin(2);
    const [slow, usual] = yard.ready;
    assert(slow !== undefined && usual !== undefined);
    const seen: string[] = [];
    const note =
      (name: string) =>
      (end: string): number =>
        seen.push(`${name} ${end} ${yard.time.nowMs()}`);
    usual.run({ rows: 5, ended: note("a") });
    usual.run({ rows: 1, ended: note("b") });
    usual.run({ rows: 1, latestStartMs: 20, ended: note("c") });
    slow.run({ rows: 5, ended: note("d") });
    await yard.time.run(40);
    slow.kill();
    slow.run({ rows: 1, ended: note("e") });
    await yard.time.run(100);
    assert.deepEqual(seen, ["a done 17", "b done 28", "c late 28", "d lost 40", "e lost 40"]);
  });
});

suite("a run with a policy", () => {
  test("the product's policy goes up for a step, and the snapshots tell it what is", async () => {
    const result = await run({
      arrivals: poisson(2_000),
      seconds: 40,
      startUpMs: 2_000,
      scaling: { kind: "policy", policy: new SloPolicy({ objectiveMs: 100 }), bounds: { min: 1, max: 20 } },
      warmUpSeconds: 20,
    });
    assert(result.attainment > 0.99, `${result.attainment}`);
    assert(result.peakReplicas >= 3 && result.peakReplicas <= 8, `${result.peakReplicas}`);
    assert.match(result.explanations[0] ?? "", /s {2}1 → \d+: .*req\/s measured/);
  });

  test("one that goes by requests ongoing runs on others' batching", async () => {
    const result = await run({
      arrivals: poisson(2_000),
      seconds: 60,
      startUpMs: 2_000,
      system: shortestQueue(),
      scaling: {
        kind: "policy",
        policy: new HpaPolicy({ targetOngoingRequests: 8 }),
        bounds: { min: 1, max: 20 },
      },
    });
    assert(result.peakReplicas > 4);
    assert.equal(result.explanations.length > 0, true);
  });

  test("it is asked when it wants to be, and at once when more waits than at the last look", async () => {
    const seen: { readonly atMs: number; readonly queued: number }[] = [];
    await run({
      // Three batches: the first runs, what comes later waits, and more of it at two looks.
      arrivals: at(1_000, 1_001, 1_002, 1_150, 1_151),
      seconds: 6,
      profile: { ...PLAIN, fixedMs: 1_000, maxRows: 1 },
      objectiveMs: 60_000,
      system: shortestQueue(),
      scaling: {
        kind: "policy",
        bounds: { min: 1, max: 1 },
        policy: {
          name: "patient",
          decide: ({ nowMs, queuedRequests: queued, target }) => {
            seen.push({ atMs: nowMs, queued });
            return { target, explanation: "stays", reviewAtMs: nowMs + 4_000 };
          },
        },
      },
    });
    const [first = { atMs: Number.NaN }] = seen;
    assert(first.atMs >= 0 && first.atMs < 100, `${first.atMs}`);
    const [, second, third, fourth] = seen.map(({ atMs }) => Math.round((atMs - first.atMs) / 100));
    assert.deepEqual(seen.map(({ queued }) => queued).slice(0, 3), [0, 2, 4]);
    assert(second === 10 || second === 11, `${second}`);
    assert(third === 11 || third === 12, `${third}`);
    assert.equal(fourth, (third ?? 0) + 40);
  });

  test("requests wait for the first replica where there was none", async () => {
    const result = await run({
      arrivals: at(0, 1, 2),
      seconds: 10,
      objectiveMs: 5_000,
      startUpMs: 1_000,
      trouble: { startUpNoise: 0 },
      system: shortestQueue(),
      scaling: { kind: "policy", policy: new SloPolicy({ objectiveMs: 5_000 }), bounds: { min: 0, max: 2 } },
    });
    assert.equal(result.counts.good, 3);
    assert(result.p99Ms > 1_000 && result.p99Ms < 1_600, `${result.p99Ms}`);
  });
});

test("turns are counted where up becomes down or down up", () => {
  const history = [1, 2, 3, 3, 2, 1, 1, 4].map((target, n) => ({ atMs: n, target, ready: 0 }));
  assert.equal(reversalsOf(history), 2);
});
