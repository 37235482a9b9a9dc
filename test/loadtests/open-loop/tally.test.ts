import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { OutcomeReport, TimelineRow } from "../../../loadtests/open-loop/index.ts";
import type { Outcome } from "../../../loadtests/open-loop/outcome.ts";
import { Tally } from "../../../loadtests/open-loop/tally.ts";
import { Timeline } from "../../../loadtests/open-loop/timeline.ts";
import { timelineCsv, timelineJsonLines } from "../../../loadtests/open-loop/timeline-file.ts";
import { checkProperty } from "../../support/properties.ts";

const outcomes: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant({ kind: "ok" as const, status: 200 }),
  fc.record({
    kind: fc.constant("error" as const),
    status: fc.constantFrom(429, 503),
    code: fc.constantFrom("", "A", "B"),
  }),
  fc.record({ kind: fc.constant("refused" as const), cause: fc.constantFrom("ECONNREFUSED", "EMFILE") }),
  fc.record({ kind: fc.constant("timedOut" as const), written: fc.boolean() }),
  fc.record({
    kind: fc.constant("lost" as const),
    cause: fc.constantFrom("ECONNRESET", "x"),
    onReuse: fc.boolean(),
  }),
);

const requests = fc.array(
  fc.record({
    gapMs: fc.double({ min: 0, max: 900, noNaN: true }),
    outcome: outcomes,
    tookMs: fc.double({ min: 0, max: 100, noNaN: true }),
    twice: fc.boolean(),
    /** Settles when so many more have been sent. */
    after: fc.nat(6),
  }),
  { maxLength: 60 },
);

function sumOf({ ok, failed, refused, timedOut, lost, twice }: OutcomeReport): number {
  return ok + failed + refused + timedOut + lost + twice;
}

const ADDED = [
  "sent",
  "ok",
  "failed",
  "refused",
  "timedOut",
  "timedOutUnwritten",
  "lost",
  "lostOnReuse",
  "twice",
  "withinSlo",
] as const;

test("1: whatever the order of ends, sent is the sum of the outcomes, and of the seconds", (context) => {
  checkProperty(
    context,
    fc.property(requests, (all) => {
      const told: TimelineRow[] = [];
      const tally = new Tally(50);
      const timeline = new Timeline(50, (row) => void told.push(row));
      let nowMs = 0;
      const ends: { readonly at: number; readonly end: () => void }[] = [];
      const endUpTo = (count: number): void => {
        for (const { at, end } of ends.splice(0)) {
          if (at <= count) end();
          else ends.push({ at, end });
        }
      };
      all.forEach(({ gapMs, outcome, tookMs, twice, after }, index) => {
        nowMs += gapMs;
        const timeMs = nowMs;
        tally.send();
        timeline.send(timeMs);
        const took = { fromIntendedMs: tookMs, fromWrittenMs: tookMs / 2 };
        const settle = (): void => {
          tally.settle(outcome, took);
          timeline.settle(timeMs, outcome, took);
        };
        const repeat = (): void => {
          tally.moveToTwice(outcome, took);
          timeline.moveToTwice(timeMs, outcome, took);
        };
        ends.push({ at: index + after, end: settle });
        const isAnswered = outcome.kind === "ok" || outcome.kind === "error";
        if (twice && isAnswered) ends.push({ at: index + after + 3, end: repeat });
        endUpTo(index);
        assert.equal(tally.open, tally.report().sent - sumOf(tally.report()));
      });
      endUpTo(Number.POSITIVE_INFINITY);
      assert.equal(tally.open, 0);
      const total = tally.report();
      const rows = timeline.rows();
      assert.equal(total.sent, all.length);
      assert.equal(sumOf(total), all.length);
      for (const row of rows) assert.equal(sumOf(row), row.sent);
      for (const key of ADDED) {
        assert.equal(
          rows.reduce((sum, row) => sum + (row[key] ?? 0), 0),
          total[key],
          key,
        );
      }
      assert.equal(
        total.errors.reduce((sum, { count }) => sum + count, 0),
        total.failed,
      );
      for (const { status, code, count } of total.errors) {
        const same = rows.flatMap(({ errors }) =>
          errors.filter((it) => it.status === status && it.code === code),
        );
        assert.equal(
          same.reduce((sum, it) => sum + it.count, 0),
          count,
        );
      }
      assert.deepEqual(
        rows.map(({ second }) => second),
        [...rows.keys()],
      );
      assert.equal(told.length, new Set(told.map(({ second }) => second)).size);
    }),
  );
});

test("codes that a server makes up do not fill the memory", () => {
  const tally = new Tally(undefined);
  for (let index = 0; index < 1000; index++) {
    tally.send();
    tally.settle(
      { kind: "error", status: 500, code: `code-${index}` },
      { fromIntendedMs: 1, fromWrittenMs: 1 },
    );
  }
  const { errors, failed } = tally.report();
  assert.equal(failed, 1000);
  assert.ok(errors.length <= 101);
  assert.deepEqual([errors[0]?.code, errors[0]?.count], ["other", 900]);
});

test("a finished second is told at once, and later ones do not wait for an earlier one", () => {
  const told: number[] = [];
  const timeline = new Timeline(undefined, ({ second }) => void told.push(second));
  const [ok, took] = [{ kind: "ok", status: 200 } as const, { fromIntendedMs: 3, fromWrittenMs: 2 }];
  timeline.send(10);
  timeline.send(1010);
  timeline.settle(1010, ok, took);
  timeline.send(3000);
  assert.deepEqual(told, [1, 2]);
  timeline.settle(10, ok, took);
  assert.deepEqual(told, [1, 2, 0]);
  timeline.settle(3000, ok, took);
  assert.deepEqual(
    timeline.rows().map(({ sent }) => sent),
    [1, 1, 0, 1],
  );
});

test("rows as CSV and as JSON lines", () => {
  const timeline = new Timeline(5);
  const took = { fromIntendedMs: 4, fromWrittenMs: 2 };
  for (const outcome of [
    { kind: "ok", status: 200 },
    { kind: "error", status: 503, code: 'A"B' },
    { kind: "lost", cause: "ECONNRESET", onReuse: false },
  ] as const) {
    timeline.send(0);
    timeline.settle(0, outcome, took);
  }
  timeline.delay(0);
  const rows = timeline.rows();
  const [heading, line] = timelineCsv(rows).split("\n");
  assert.equal(
    heading,
    "second,sent,ok,failed,refused,timed_out,lost,twice,delayed,within_slo,p50_ms,p99_ms,max_ms,errors",
  );
  assert.equal(line, '0,3,1,1,0,0,1,0,1,1,4.000,4.000,4.000,"503 A""B=1; ECONNRESET=1"');
  assert.deepEqual(JSON.parse(timelineJsonLines(rows)), JSON.parse(JSON.stringify(rows[0])));
});
