import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSurelyMore, quantileInterval, rateInterval } from "../../../controller/traffic/bounds.ts";
import { judge } from "../../../controller/traffic/judge.ts";
import { bucketOf, noLatencies, quantileMs } from "../../../controller/traffic/latency-counts.ts";
import type { VersionTally } from "../../../controller/traffic/tally.ts";
import { randomFrom, SPEC, tally } from "./support.ts";

const LATE = { elapsedMs: SPEC.intervalMs };
const SOON = { elapsedMs: 1_000 };

/** `count` latencies from 10 to below 20 ms, times `factor`. */
function times(count: number, factor = 1): number[] {
  return Array.from({ length: count }, (_, index) => (10 + (10 * index) / count) * factor);
}

function verdict(canary: VersionTally, stable: VersionTally, { elapsedMs } = LATE) {
  return judge({ canary, stable, elapsedMs }, SPEC);
}

describe("a canary that is well", () => {
  test("goes on when the time is over and the requests are enough (invariant 1)", () => {
    const { kind, reason } = verdict(tally({}, times(120)), tally({}, times(2_000)));
    assert.equal(kind, "advance");
    assert.match(reason, /^120 requests, failed 0 %, p95 \S+ ms next to \S+ ms$/);
  });

  for (const [what, canary, stable, at, reason] of [
    ["too early", 120, 2_000, SOON, /120 requests/],
    ["without its requests", 99, 2_000, LATE, /99 of 100/],
    ["without any", 0, 0, LATE, /0 of 100/],
    ["without requests of the stable version", 120, 3, LATE, /stable version: 3 of 30/],
  ] as const) {
    test(`waits ${what} (invariant 1)`, () => {
      const { kind, reason: found } = verdict(tally({}, times(canary)), tally({}, times(stable)), at);
      assert.equal(kind, "wait");
      assert.match(found, reason);
    });
  }
});

describe("a canary that is not", () => {
  for (const [what, canary, stable, at, reason] of [
    ["fails always, soon", tally({ failed: 10 }), tally({}, times(190)), SOON, /fails 100 % \(10 of 10\)/],
    ["fails often, soon", tally({ failed: 20 }, times(40)), tally({}, times(900)), SOON, /fails 33.33 %/],
    [
      "fails with nothing to compare with",
      tally({ failed: 12 }),
      tally({}),
      SOON,
      /the stable version nothing/,
    ],
    [
      "fails somewhat, at the end",
      tally({ failed: 6 }, times(150)),
      tally({}, times(3_000)),
      LATE,
      /allowed 1 %/,
    ],
    ["is far slower, soon", tally({}, times(40, 4)), tally({}, times(60)), SOON, /^median/],
    [
      "is slower, at the end",
      tally({}, times(150, 1.8)),
      tally({}, times(3_000)),
      LATE,
      /^median .* allowed 1.5 times/,
    ],
    [
      "is slower in its tail only",
      tally({}, [...times(130), ...times(20, 30)]),
      tally({}, times(3_000)),
      LATE,
      /^p95/,
    ],
    [
      "refuses what the stable version takes",
      tally({ refused: 30 }, times(100)),
      tally({ refused: 20 }, times(3_000)),
      SOON,
      /refuses 23.08 % of what clients send, the stable version 0.66 %/,
    ],
  ] as const) {
    test(`${what}: is rolled back`, () => {
      const { kind, reason: found } = verdict(canary, stable, at);
      assert.equal(kind, "roll-back", found);
      assert.match(found, reason);
    });
  }

  test("one failure in its first ten requests proves nothing (invariant 3)", () => {
    assert.equal(verdict(tally({ failed: 1 }, times(9)), tally({}, times(200)), SOON).kind, "wait");
    assert.equal(verdict(tally({ failed: 9 }), tally({}, times(200)), SOON).kind, "wait");
  });

  test("what hits both is not its fault: it is held (invariant 2)", () => {
    const found = verdict(tally({ failed: 50 }, times(100)), tally({ failed: 1_000 }, times(2_000)));
    assert.equal(found.kind, "hold");
    const refused = verdict(tally({ refused: 50 }, times(100)), tally({ refused: 1_000 }, times(2_000)));
    assert.equal(refused.kind, "advance");
  });

  test("a doubt that is no proof holds it", () => {
    assert.equal(verdict(tally({ failed: 2 }, times(110)), tally({ failed: 10 }, times(990))).kind, "hold");
  });
});

describe("chance", () => {
  /** A whole step of one request in ten to the canary, looked at after every twenty. */
  function step(random: () => number, canaryRate: number, factor: number): string {
    const latency = (slower: number): number =>
      slower * 10 * Math.exp(0.5 * (random() + random() + random() - 1.5));
    const sides = {
      canary: { failed: 0, times: [] as number[] },
      stable: { failed: 0, times: [] as number[] },
    };
    for (let request = 1; request <= 6_000; request++) {
      const own = request % 10 === 0;
      const side = own ? sides.canary : sides.stable;
      if (random() < (own ? canaryRate : 0.001)) side.failed++;
      else side.times.push(latency(own ? factor : 1));
      if (request % 200 !== 0) continue;
      const [canary, stable] = [sides.canary, sides.stable].map(({ failed, times }) =>
        tally({ failed }, times),
      );
      assert(canary !== undefined && stable !== undefined);
      const elapsedMs = request === 6_000 ? SPEC.intervalMs : 0;
      const { kind } = judge({ canary, stable, elapsedMs }, SPEC);
      if (kind !== "wait") return kind;
    }
    return "wait";
  }

  /** What became of 60 canaries. */
  function outcomes(canaryRate: number, factor: number): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let seed = 0; seed < 60; seed++) {
      const kind = step(randomFrom(seed), canaryRate, factor);
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }

  test("thirty looks at a canary that is no worse end none of sixty (invariant 3)", () => {
    assert.deepEqual(outcomes(0.001, 1), { advance: 60 });
  });

  test("one that fails five in a hundred, or takes twice as long, is always found", () => {
    assert.deepEqual(outcomes(0.05, 1), { "roll-back": 60 });
    assert.deepEqual(outcomes(0.001, 2), { "roll-back": 60 });
  });
});

describe("bounds", () => {
  test("a rate's interval is Wilson's: 10 of 100 at 1.96", () => {
    const { low, high } = rateInterval(10, 100, 1.96);
    assert(Math.abs(low - 0.0552) < 1e-4 && Math.abs(high - 0.1744) < 1e-4, `${low} ${high}`);
    assert.deepEqual(rateInterval(0, 0, 1.96), { low: 0, high: 1 });
    assert.equal(rateInterval(0, 10, 1.96).low, 0);
  });

  test("a difference's interval is Newcombe's: 56 of 70 against 48 of 80 from 0.0524", () => {
    const [a, b] = [
      { hits: 56, total: 70 },
      { hits: 48, total: 80 },
    ];
    assert.equal(isSurelyMore(a, b, 1.96), true);
    assert.equal(isSurelyMore(b, a, 1.96), false);
    assert.equal(isSurelyMore({ hits: 8, total: 10 }, { hits: 6, total: 10 }, 1.96), false);
    assert.equal(isSurelyMore({ hits: 1, total: 1 }, { hits: 0, total: 0 }, 1.96), false);
  });

  test("a quantile lies in its interval, which has no upper end for few requests", () => {
    const counts = noLatencies();
    for (let latencyMs = 1; latencyMs <= 1000; latencyMs++) {
      counts[bucketOf(latencyMs)] = (counts[bucketOf(latencyMs)] ?? 0) + 1;
    }
    const { low, high } = quantileInterval(counts, 0.5, 1.645);
    assert(low < 500 && low > 430 && high > 500 && high < 580, `${low} ${high}`);
    const median = quantileMs(counts, 0.5) ?? 0;
    assert(Math.abs(median / 500 - 1) < 0.045, `${median}`);
    const few = tally({}, times(20)).latency;
    assert.equal(quantileInterval(few, 0.95, 1.645).high, Number.POSITIVE_INFINITY);
    assert.equal(quantileMs(noLatencies(), 0.5), undefined);
  });

  test("no latency is out of the buckets", () => {
    for (const latencyMs of [0, 1e-9, 1e12, Number.POSITIVE_INFINITY]) {
      const bucket = bucketOf(latencyMs);
      assert(bucket >= 0 && bucket < noLatencies().length, `${latencyMs}: ${bucket}`);
    }
  });
});
