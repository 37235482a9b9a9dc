// How full replicas are run: fuller while nothing is missed, less full when something is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LoadTracker } from "../../../controller/autoscale/index.ts";
import { HeadRoom } from "../../../controller/autoscale/slo/head-room.ts";

/** Ten requests a second from `from` on for `seconds`, `missed` of a hundred missed, with so many replicas starting. */
class Hall {
  readonly load = new LoadTracker();
  readonly room = new HeadRoom(0.01);
  #second = 0;

  pass(seconds: number, { missed = 0, starting = 0, perSecond = 10 } = {}): number {
    for (let n = 0; n < seconds; n++) {
      const nowMs = ++this.#second * 1_000;
      for (let k = 0; k < perSecond; k++) this.load.arrived(1, nowMs);
      if (perSecond > 0) this.load.ended(100, missed, nowMs);
      this.room.observe(this.load.readAt(nowMs), { nowMs, starting });
    }
    return Math.round(this.room.value * 1_000) / 1_000;
  }
}

test("a half per cent more every ten seconds in which nothing is missed, up to 1.2 (1, 2)", () => {
  const hall = new Hall();
  assert.equal(hall.pass(1), 0.8);
  assert.equal(hall.pass(100), 0.85);
  assert.equal(hall.pass(2_000), 1.2);
});

test("less when the budget is being spent, but never below 0.7; what was too high is not tried again soon (2, 4)", () => {
  const hall = new Hall();
  hall.pass(211);
  assert.equal(hall.room.value.toFixed(3), "0.905");
  assert.equal(hall.pass(10, { missed: 1 }), 0.875);
  const soon = hall.pass(300);
  assert(soon > 0.875 && soon < 0.885, `${soon}`);
  assert.equal(hall.pass(600, { missed: 1 }), 0.7);
});

test("a few misses within the budget change nothing", () => {
  const hall = new Hall();
  hall.pass(1);
  assert.equal(hall.pass(200, { missed: 0.3 }), 0.8);
});

test("misses while replicas start, and no requests at all, say nothing (1, 3)", () => {
  const hall = new Hall();
  hall.pass(101);
  assert.equal(hall.pass(60, { missed: 50, starting: 3 }), 0.85);
  assert.equal(hall.pass(15, { missed: 50 }), 0.85);
  assert.equal(hall.pass(1_000, { perSecond: 0 }) <= 0.85, true);
});
