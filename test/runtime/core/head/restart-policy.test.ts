// When an actor is started again.

import assert from "node:assert/strict";
import { it } from "node:test";
import { backoffMs, DEFAULT_BACKOFF, decideRestart } from "../../../../runtime/core/head/restart-policy.ts";

it("decides on restarts by reason, count and row", () => {
  const crash = { kind: "CRASHED", during: "service", exitCode: 1, signal: null } as const;
  const policy = { maxRestarts: 1, backoff: DEFAULT_BACKOFF };
  assert.deepEqual(decideRestart(crash, { restarts: 0, streak: 3 }, policy), {
    kind: "restart",
    delayMs: 800,
  });
  assert.equal(decideRestart(crash, { restarts: 1, streak: 0 }, policy).kind, "final");
  assert.equal(
    decideRestart(crash, { restarts: 99, streak: 0 }, { ...policy, maxRestarts: -1 }).kind,
    "restart",
  );
  assert.equal(decideRestart({ kind: "KILLED" }, { restarts: 0, streak: 0 }, policy).kind, "final");
  assert.equal(backoffMs(DEFAULT_BACKOFF, 5_000), DEFAULT_BACKOFF.maxMs);
});
