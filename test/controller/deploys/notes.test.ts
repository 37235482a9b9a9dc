// What becomes of releases, and the writes that nobody waits for.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DeployView, outcomeOf } from "../../../controller/deploys/outcome.ts";
import { WriteBehind } from "../../../controller/deploys/write-behind.ts";

const RUNS: DeployView = {
  name: "a",
  generation: 3,
  state: "HEALTHY",
  message: "",
  course: "STEADY",
  numReplicas: 2,
};

describe("a release", () => {
  for (const [what, views, wanted] of [
    ["runs when all is healthy and proven", [RUNS, { ...RUNS, name: "b" }], { kind: "running" }],
    ["is open while one has not proven itself", [RUNS, { ...RUNS, course: "FIRST" }], undefined],
    ["is open while one rolls", [{ ...RUNS, state: "UPDATING", course: "ROLLING" }], undefined],
    ["is open while one scales", [{ ...RUNS, state: "UPSCALING" }], undefined],
    [
      "runs without replicas: there is nothing to prove",
      [{ ...RUNS, course: "FIRST", numReplicas: 0 }],
      { kind: "running" },
    ],
    [
      "is open while what is said is of an earlier one",
      [RUNS, { ...RUNS, generation: 2, state: "DEPLOY_FAILED" }],
      undefined,
    ],
    [
      "has failed when one was given up, whatever the others do",
      [
        { ...RUNS, state: "DEPLOY_FAILED", course: "ROLLED_BACK", message: "broken" },
        { ...RUNS, state: "UPDATING" },
      ],
      { kind: "failed", reason: "a: broken" },
    ],
  ] as const) {
    test(what, () => assert.deepEqual(outcomeOf(3, views), wanted));
  }
});

describe("writing behind", () => {
  test("is one at a time, of one key the last, and goes on after a failure (1)", async () => {
    const done: string[] = [];
    const failed: string[] = [];
    let running = 0;
    const writes = new WriteBehind((key, thrown) => failed.push(`${key} ${String(thrown)}`));
    const gate = Promise.withResolvers<void>();
    const write =
      (what: string, until: Promise<void> = Promise.resolve()) =>
      async () => {
        assert.equal(++running, 1);
        await until;
        done.push(what);
        running--;
      };
    writes.put("a", write("a1"));
    writes.put("a", write("a2", gate.promise));
    await new Promise(setImmediate);
    writes.put("b", () => Promise.reject(new Error("full")));
    writes.put("a", write("a3"));
    writes.put("a", write("a4"));
    gate.resolve();
    await writes.flush();
    assert.deepEqual([done, failed], [["a2", "a4"], ["b Error: full"]]);
    writes.put("c", write("c1"));
    await writes.flush();
    await writes.flush();
    assert.equal(done.at(-1), "c1");
  });
});
