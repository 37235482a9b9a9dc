// That a scenario sees what goes wrong: a load on a server that fails, loses and refuses as a test says.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scenario } from "../../../loadtests/chaos/index.ts";
import { runScenario } from "../../../loadtests/chaos/index.ts";
import { renderReport, renderReports } from "../../../loadtests/chaos/render.ts";
import { isKept } from "../../../loadtests/scenarios/scenario.ts";
import { answer, FarSide, type Received } from "../open-loop/far-side.ts";

function reply({ socket }: Received, status: number, body = ""): void {
  socket.write(answer(status, body));
}

const OPTIONS = { quick: true, ratePerSecond: 200, seed: 7, signal: new AbortController().signal };

/** Plays a load against a server that answers as told; `bad` is for requests in the second phase. */
async function play(bad: (request: Received) => void) {
  let phase = "before";
  await using far = await FarSide.listen((request) => {
    if (phase === "during" && Number(request.id.split("-").at(-1)) % 3 === 0) bad(request);
    else reply(request, 200);
  });
  const scenario: Scenario = {
    name: "made-up",
    title: "a server that fails",
    run: async (stage) => {
      const load = stage.load([{ name: "one", url: `${far.url}/` }]);
      await load.answered(20);
      load.enter("during");
      phase = "during";
      await load.answered(20);
      phase = "after";
      load.enter("after");
      await load.answered(20);
      const result = await stage.end(load);
      stage.promiseNoneFailed(result);
      stage.promiseAccounted(result, ["REPLICA_DIED"]);
      stage.promise("it is quick", false, "it took long", { timed: true });
      stage.recovered(1_500);
    },
  };
  return await runScenario(scenario, OPTIONS);
}

function brokenOf({ promises }: Awaited<ReturnType<typeof play>>): string[] {
  return promises.flatMap(({ promise, kept, timed, found }) =>
    kept || timed ? [] : [`${promise}: ${found}`],
  );
}

test("a typed failure breaks the promise that none fails, and no other", async () => {
  const report = await play((request) => reply(request, 503, '{"code":"REPLICA_DIED"}'));
  const count = report.failed["503 REPLICA_DIED"] ?? 0;
  assert(count > 0);
  assert.equal(report.ok + count, report.requests);
  const [broken = "", ...others] = brokenOf(report);
  assert.match(
    broken,
    new RegExp(`^no request fails: ${count} × one: 503 REPLICA_DIED \\(first at \\d+\\.\\d+ s\\)$`),
  );
  assert.deepEqual(others, []);
  assert(report.phases.during.ok < report.phases.during.sent);
  assert.equal(isKept(report), false);
  assert.match(renderReport(report), /✗ no request fails[^]*~ it is quick[^]*failed: \d+ × 503 REPLICA_DIED/);
  assert.match(renderReports([report]), /^made-up .* 1\.50 +\d+ of \d+$/m);
});

test("a failure without a code, and a lost request, break both", async () => {
  for (const [bad, what] of [
    [(request: Received) => reply(request, 500), "500 without a code"],
    [(request: Received) => void request.socket.destroy(), "lost: "],
  ] as const) {
    const broken = brokenOf(await play(bad));
    assert.equal(broken.length, 2, broken.join("\n"));
    assert(broken.every((line) => line.includes(what)));
  }
});

test("a promise that nothing kept is broken, and a scenario without a load has no report", async () => {
  await using far = await FarSide.listen((request) => reply(request, 503, '{"code":"X"}'));
  const silent: Scenario = {
    name: "silent",
    title: "no answer",
    run: async (stage) => {
      const load = stage.load([{ url: `${far.url}/` }]);
      await new Promise((resolve) => setImmediate(resolve));
      stage.promiseKept("nobody is gone", [], []);
      await stage.end(load);
    },
  };
  const broken = brokenOf(await runScenario(silent, OPTIONS));
  assert.deepEqual(broken, [
    "nobody is gone:  → ",
    "requests are answered before it: 0 ok",
    "requests are answered during it: 0 ok",
    "requests are answered after it: 0 ok",
  ]);
  await assert.rejects(
    runScenario({ ...silent, run: async () => undefined }, OPTIONS),
    /^Error: Scenario "silent" has put no load on$/,
  );
});
