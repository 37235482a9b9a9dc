// What an actor's process inherits (child-environment invariant 1), and when it is started again.

import assert from "node:assert/strict";
import { it } from "node:test";
import { childEnvironment } from "../../../runtime/core/child-environment.ts";
import { backoffMs, DEFAULT_BACKOFF, decideRestart } from "../../../runtime/core/restart-policy.ts";

it("drops what belongs to the parent's process, keeps the rest", () => {
  const inherited = {
    PATH: "/bin",
    NODE_TEST_CONTEXT: "child-v8",
    NODE_CHANNEL_FD: "3",
    GONE: "1",
    NODE_OPTIONS:
      '--inspect-brk=0 --test --test-reporter spec --require "./a b.js" --watch-path=./x --max-old-space-size=99',
  };
  assert.deepEqual(childEnvironment(inherited, { GONE: undefined, NEW: "2" }), {
    PATH: "/bin",
    NEW: "2",
    NODE_OPTIONS: '--require "./a b.js" --max-old-space-size=99',
  });
  assert.deepEqual(childEnvironment({ NODE_OPTIONS: "--inspect" }, { NODE_OPTIONS: "--inspect" }), {
    NODE_OPTIONS: "--inspect",
  });
});

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
