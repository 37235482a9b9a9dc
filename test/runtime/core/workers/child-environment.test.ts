// What a worker inherits (child-environment invariant 1).

import assert from "node:assert/strict";
import { it } from "node:test";
import { childEnvironment } from "../../../../runtime/core/workers/child-environment.ts";

it("drops what belongs to the parent's process, keeps the rest", () => {
  const inherited = {
    PATH: "/bin",
    NODE_TEST_CONTEXT: "child-v8",
    NODE_CHANNEL_FD: "3",
    GONE: "1",
    NODE_OPTIONS:
      '--inspect-brk=0 --test --test-reporter spec --require "../a b.js" --watch-path=./x --max-old-space-size=99',
  };
  assert.deepEqual(childEnvironment(inherited, { GONE: undefined, NEW: "2" }), {
    PATH: "/bin",
    NEW: "2",
    NODE_OPTIONS: '--require "../a b.js" --max-old-space-size=99',
  });
  assert.deepEqual(childEnvironment({ NODE_OPTIONS: "--inspect" }, { NODE_OPTIONS: "--inspect" }), {
    NODE_OPTIONS: "--inspect",
  });
});
