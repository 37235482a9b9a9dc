// Whole days in virtual time: a step, spikes, a ramp, day and night, on a fluid plant whose service time the policy has to
// learn. What is asserted is reaction, service and steadiness; the comparison with other policies is the simulator's.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { SloPolicy } from "../../../controller/autoscale/index.ts";
import {
  attainment,
  type Moment,
  type PlantOptions,
  replicaSeconds,
  reversals,
  runPlant,
  seeded,
} from "./fluid-plant.ts";

const START_UP_S = 10;

function replay(
  t: TestContext,
  rate: PlantOptions["rate"],
  more: Partial<PlantOptions> & { seconds: number },
): Moment[] {
  const seed = Number(process.env["SHOAL_SEED"] ?? Date.now() % 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  return runPlant({
    policy: new SloPolicy({ objectiveMs: 200 }),
    rate,
    service: { fixedMs: 10, perRowMs: 2 },
    objectiveMs: 200,
    maxBatchRows: 32,
    startUpMs: START_UP_S * 1_000,
    bounds: { min: 1, max: 200 },
    random: seeded(seed),
    ...more,
  });
}

function needed(moments: readonly Moment[]): number {
  return moments.reduce((sum, moment) => sum + moment.needed, 0) / 2;
}

for (const base of [200, 1_000, 3_000]) {
  test(`a step of eight times from ${base} rows/s is met within the start-up and a second, and kept without turning`, (t) => {
    const rate = (second: number): number => (second < 300 ? base : second < 900 ? 8 * base : 1.5 * base);
    const all = replay(t, rate, { seconds: 1_500 });
    const met = all.find(({ second, ready, needed }) => second >= 300 && ready >= needed);
    assert(met !== undefined && met.second <= 300 + START_UP_S + 1, `met at ${met?.second}`);
    const high = all.filter(({ second }) => second > 300 + START_UP_S + 1 && second < 900);
    assert(high.every(({ ready, needed }) => ready >= needed));
    assert(attainment(high) > 0.999, `${attainment(high)}`);
    // Before it there is a replica less once the head-room is known to be too much.
    const since = all.filter(({ second }) => second >= 295);
    assert(reversals(since) <= 1, `${reversals(since)} reversals`);
    const low = all.filter(({ second }) => second >= 1_000);
    assert(replicaSeconds(low) < 1.7 * needed(low) + 2 * 500, `${replicaSeconds(low)} for ${needed(low)}`);
  });
}

test("spikes shorter than a start are stood by for after they were seen", (t) => {
  const rate = (second: number): number => (second % 300 >= 150 && second % 300 < 165 ? 1_500 : 200);
  const all = replay(t, rate, { seconds: 3_000 });
  const later = all.filter(({ second }) => second >= 600);
  assert(attainment(later) > 0.97, `${attainment(later)}`);
  assert(reversals(all) <= 2 * 10, `${reversals(all)} reversals for ten spikes`);
  assert(Math.max(...all.map(({ target }) => target)) <= 8);
});

test("a ramp that doubles every 30 s is followed", (t) => {
  const rate = (second: number): number =>
    second < 120 ? 200 : Math.min(12_000, 200 * 2 ** ((second - 120) / 30));
  const all = replay(t, rate, { seconds: 600 });
  assert(attainment(all) > 0.99, `${attainment(all)}`);
  assert(reversals(all.filter(({ second }) => second >= 60)) <= 1, `${reversals(all)} reversals`);
});

test("day and night cost little more than the least, and turn twice a day", (t) => {
  const rate = (second: number): number => 1_000 * (1 + 0.8 * Math.sin((2 * Math.PI * second) / 3_600));
  const all = replay(t, rate, { seconds: 7_200 });
  assert(attainment(all) > 0.997, `${attainment(all)}`);
  assert(reversals(all) <= 2 * 4, `${reversals(all)} reversals`);
  assert(replicaSeconds(all) < 1.45 * needed(all), `${replicaSeconds(all)} for ${needed(all)}`);
});

test("on and off at the length of the hold does not make it swing", (t) => {
  const rate = (second: number): number => (second % 64 < 32 ? 3_000 : 300);
  const all = replay(t, rate, { seconds: 1_800 });
  const later = all.filter(({ second }) => second >= 300);
  assert(reversals(later) <= 6, `${reversals(later)} reversals`);
  assert(attainment(later) > 0.995, `${attainment(later)}`);
});

test("a few requests a second keep one replica, and silence none", (t) => {
  const rate = (second: number): number => (second < 600 || second > 2_400 ? 3 : 0);
  const all = replay(t, rate, { seconds: 2_700, bounds: { min: 0, max: 20 } });
  const at = (second: number): number | undefined => all.find((moment) => moment.second >= second)?.target;
  assert.deepEqual([at(590), at(1_150), at(1_300), at(2_399), at(2_403)], [1, 1, 0, 0, 1]);
  assert(Math.max(...all.map(({ target }) => target)) <= 2);
});

test("a model that becomes 30 per cent slower in mid-run gets its replicas", (t) => {
  const all = replay(t, () => 8_000, { seconds: 600, slower: { second: 300, factor: 1.3 } });
  const [before, after] = [
    all.filter(({ second }) => second > 200 && second < 300),
    all.filter(({ second }) => second > 400),
  ];
  const fuller = (moments: readonly Moment[]): number => replicaSeconds(moments) / needed(moments);
  assert(attainment(after) > 0.995, `${attainment(after)}`);
  assert(fuller(after) > 1 && fuller(after) < 1.3, `${fuller(after)} times what is needed`);
  const mean = replicaSeconds(after) / after.length / (replicaSeconds(before) / before.length);
  assert(mean > 1.1 && mean < 1.5, `${mean} times as many`);
});
