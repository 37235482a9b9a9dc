// The decisions with an objective, as tables: t(b) = 10 + b ms, planned without a margin.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fitOf, plannedEndMs } from "../../../controller/dispatch/company.ts";
import {
  decideInTime,
  type Pace,
  type TimedCase,
  type TimedHead,
  type TimedPool,
  type TimedSlot,
} from "../../../controller/dispatch/decide-in-time.ts";

const NOW_MS = 1_000;

function paceOf(fixedMs: number, perRowMs: number): Pace {
  const ms = (rows: number): number => fixedMs + perRowMs * rows;
  return {
    meanMs: ms,
    predictMs: ms,
    maxRowsWithin: (budgetMs, limit) =>
      Math.max(0, Math.min(limit, Math.floor((budgetMs - fixedMs) / perRowMs))),
    sufficientRows(rowsPerSecond, replicas, limit) {
      const spare = replicas - (rowsPerSecond / 1_000) * perRowMs;
      return spare <= 0
        ? limit
        : Math.min(limit, Math.max(1, Math.ceil(((rowsPerSecond / 1_000) * fixedMs) / spare)));
    },
    batchingGain: (limit) => (limit * ms(1)) / ms(limit),
  };
}

const GPU = paceOf(10, 1);
const CPU = paceOf(0.1, 10);

function slot(ongoingBatches: number, more: Partial<TimedSlot> = {}): TimedSlot {
  return { ongoingBatches, ongoingRequests: ongoingBatches, freeAtMs: NOW_MS, speedAt: () => 1, ...more };
}

function head(alike: number, spareMs: number, more: Partial<TimedHead> = {}): TimedHead {
  const limitMs = NOW_MS + spareMs;
  const peers = more.peers ?? alike;
  return {
    rows: 1,
    alike,
    peers,
    hasPeersUntil: (_untilMs, rows) => peers >= rows,
    queuedMs: NOW_MS,
    limitMs,
    alone: false,
    suspect: false,
    ...more,
  };
}

function pool(idle: number, more: Partial<TimedPool<TimedSlot>> = {}): TimedPool<TimedSlot> {
  const best = idle > 0 ? slot(0) : undefined;
  return { best, idle, capacity: 4, nextFreeMs: NOW_MS + 20, leadMs: 0, parallel: false, ...more };
}

function decided(
  waiting: TimedHead,
  replicas: TimedPool<TimedSlot>,
  more: Partial<TimedCase> = {},
): { kind: string; rows?: number; why?: string; untilMs?: number } {
  const known = {
    nowMs: NOW_MS,
    maxBatchSize: 64,
    maxOngoingRequests: 1_000,
    objectiveMs: 100,
    pace: GPU,
    arrivals: 100,
    gate: 0.9,
    overloaded: false,
    mayProbe: false,
    ...more,
  };
  const decision = decideInTime(waiting, replicas, known);
  if (decision.kind === "wait") return { kind: "wait", untilMs: decision.untilMs - NOW_MS };
  if (decision.kind !== "send") return { kind: decision.kind };
  return { kind: "send", rows: decision.rows, why: decision.why };
}

describe("the smallest sufficient batch", () => {
  for (const [what, waiting, replicas, more, wanted] of [
    ["a single request on idle replicas goes at once", head(1, 90), pool(4), {}, { kind: "send", rows: 1 }],
    [
      "idle replicas share what waits (invariant 1)",
      head(12, 90),
      pool(4),
      {},
      { kind: "send", rows: 3, why: "shared" },
    ],
    [
      "the last idle replica takes whom it would cost more to leave",
      head(12, 90),
      pool(1),
      {},
      { kind: "send", rows: 11 },
    ],
    [
      "where batching does not pay each goes alone (invariant 1)",
      head(12, 900),
      pool(1),
      { pace: CPU, objectiveMs: 1_000 },
      { kind: "send", rows: 1 },
    ],
    [
      "a batch is no larger than its head survives",
      head(60, 30),
      pool(1, { nextFreeMs: Number.POSITIVE_INFINITY }),
      { arrivals: 3_000, gate: 0 },
      { kind: "send", rows: 20, why: "deadline" },
    ],
    ["nobody waits for a replica that is busy", head(5, 90), pool(0), {}, { kind: "full" }],
  ] satisfies [string, TimedHead, TimedPool<TimedSlot>, Partial<TimedCase>, object][]) {
    test(what, () => {
      const found = decided(waiting, replicas, more);
      assert.deepEqual({ ...found, ...wanted }, found);
    });
  }
});

describe("shedding", () => {
  test("ends a head that cannot be in time (invariant 2)", () => {
    assert.deepEqual(decided(head(9, 5), pool(1)), { kind: "shed" });
  });

  test("ends a head for whose sake the batch would be far too small, and only at demand that needs larger ones", () => {
    const waiting = head(60, 15);
    assert.deepEqual(decided(waiting, pool(1), { arrivals: 3_000 }), { kind: "shed" });
    assert.equal(decided(waiting, pool(1), { arrivals: 50 }).kind, "send");
  });

  test("spares a head for whose batch nobody has the time that a larger one takes (invariant 2)", () => {
    const asked: [number, number][] = [];
    const hurried = head(60, 15, {
      hasPeersUntil(untilMs, rows) {
        asked.push([untilMs - NOW_MS, rows]);
        return false;
      },
    });
    const decision = decided(hurried, pool(1), { arrivals: 3_000 });
    assert.equal(decision.kind, "send");
    assert.equal(decision.rows, 5);
    assert.equal(decided(hurried, pool(1), { arrivals: 3_000, overloaded: true }).kind, "shed");
    const [untilMs, rows] = asked[0] ?? [0, 0];
    assert(rows > 5 && untilMs === 10 + rows, `asked for ${rows} rows until ${untilMs}`);
  });

  test("spares one that runs alone: nobody could go with it, whoever waits", () => {
    const alone = { ...head(1, 15, { alone: true }), peers: 60, hasPeersUntil: () => true };
    assert.equal(decided(alone, pool(1), { arrivals: 3_000 }).kind, "send");
  });

  test("spares a head that would only make room for others than its own", () => {
    assert.equal(decided(head(60, 15, { peers: 1 }), pool(1), { arrivals: 3_000 }).kind, "send");
  });

  test("never wants a batch that even a request that has just come could not be in", () => {
    // 0.1 s for everything leaves time for about 60 rows here, whatever arrives.
    assert.equal(
      decided(head(500, 95), pool(1), { arrivals: 1e6, maxBatchSize: 500, gate: 0.98 }).kind,
      "send",
    );
  });

  test("tries what may be in time while nobody else waits, and once in a while what seems hopeless (invariant 5)", () => {
    const slowly: Pace = { ...GPU, maxRowsWithin: () => 0 };
    assert.equal(decided(head(1, 50), pool(2), { pace: slowly }).kind, "send");
    assert.deepEqual(decided(head(3, 50), pool(2), { pace: slowly }), { kind: "shed" });
    assert.equal(decided(head(3, 1), pool(2), { pace: slowly, mayProbe: true }).kind, "send");
  });

  test("leaves it to a faster replica where the idle one is slow", () => {
    const slow = slot(0, { speedAt: () => 4 });
    assert.deepEqual(decided(head(1, 30), pool(1, { best: slow, nextFreeMs: NOW_MS + 5 })), { kind: "full" });
  });
});

describe("waiting for company", () => {
  const busy = pool(1);

  test("is for a batch that gains, until a replica would be free anyway (invariant 3)", () => {
    const found = decided(head(1, 90), busy, { arrivals: 2_000 });
    assert.equal(found.kind, "wait");
    assert(found.untilMs !== undefined && found.untilMs > 0 && found.untilMs <= 80 / 4);
  });

  test("at overload is for any batch that gains", () => {
    const nearly = { arrivals: 2_880, gate: 0 };
    const needed = GPU.sufficientRows(1.1 * nearly.arrivals, 4, 64);
    assert.equal(decided(head(needed - 1, 90), busy, nearly).kind, "send");
    assert.equal(decided(head(needed - 1, 90), busy, { ...nearly, overloaded: true }).kind, "wait");
    assert.equal(decided(head(needed, 90), busy, { ...nearly, overloaded: true }).kind, "send");
  });

  test("is never longer than the head can spare", () => {
    const found = decided(head(1, 18), busy, { arrivals: 2_000, gate: 0 });
    assert.deepEqual(found, { kind: "wait", untilMs: 4 });
    assert.equal(decided(head(1, 13), busy, { arrivals: 2_000, gate: 0 }).kind, "send");
  });

  test("is not for what can have none, nor with half of the replicas idle (invariant 4)", () => {
    assert.equal(decided(head(1, 90, { alone: true }), busy, { arrivals: 2_000 }).kind, "send");
    assert.equal(decided(head(1, 90), pool(2), { arrivals: 2_000 }).kind, "send");
  });
});

describe("a batch sent ahead", () => {
  test("goes so long before its replica is free as the way takes, and not at all where the way is short", () => {
    const ahead = pool(0, { best: slot(1, { freeAtMs: NOW_MS + 7 }), leadMs: 2 });
    assert.deepEqual(decided(head(5, 90), ahead), { kind: "wait", untilMs: 5 });
    const near = pool(0, { best: slot(1, { freeAtMs: NOW_MS + 1 }), leadMs: 2 });
    assert.equal(decided(head(5, 90), near).kind, "send");
    assert.deepEqual(decided(head(5, 90), { ...near, leadMs: 0 }), { kind: "full" });
  });
});

describe("company", () => {
  const run = { startMs: NOW_MS, rows: 40, speed: 1, pace: GPU, gate: 0.9 };
  const endMs = plannedEndMs(run);

  test("fits, waits for its own turn, or is dropped because it would stand in the way", () => {
    assert.equal(endMs, NOW_MS + 50);
    assert.equal(fitOf(endMs, run, endMs), "fits");
    assert.equal(fitOf(endMs - 2, run, endMs), "waits");
    assert.equal(fitOf(NOW_MS + 20, run, endMs), "drop");
    assert.equal(fitOf(NOW_MS + 1, run, endMs), "drop");
  });
});
