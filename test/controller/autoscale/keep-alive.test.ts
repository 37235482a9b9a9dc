import assert from "node:assert/strict";
import { test } from "node:test";
import { KeepAlive } from "../../../controller/autoscale/slo/keep-alive.ts";

const HOLD_MS = 30_000;

/** So many pauses of so many minutes. */
function after(keepAlive: KeepAlive, pauses: number, minutes: number): KeepAlive {
  for (let pause = 0; pause < pauses; pause++) {
    keepAlive.observe(minutes * 60_000);
    keepAlive.observe(0);
  }
  return keepAlive;
}

test("it is never longer than asked, also where the hold is (invariant 2)", () => {
  assert.equal(new KeepAlive(1_000).keepAliveMs(HOLD_MS), 1_000);
  assert.equal(after(new KeepAlive(1_000), 20, 1).keepAliveMs(HOLD_MS), 1_000);
  assert.equal(after(new KeepAlive(120_000), 20, 1).keepAliveMs(HOLD_MS), 120_000);
});

test("without pauses to go by it is as long as asked (invariant 3)", () => {
  assert.equal(after(new KeepAlive(600_000), 9, 1).keepAliveMs(HOLD_MS), 600_000);
});

test("it covers nearly all pauses and a tenth more (invariant 1); where it would not cover most, it is the hold", () => {
  assert.equal(after(new KeepAlive(600_000), 10, 1).keepAliveMs(HOLD_MS), 2 * 66_000);
  assert.equal(after(new KeepAlive(600_000), 20, 60).keepAliveMs(HOLD_MS), HOLD_MS);
});
