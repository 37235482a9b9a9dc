// The command line of the chaos scenarios, and what of /proc they go by.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { SCENARIOS } from "../../../loadtests/chaos/index.ts";
import { helpOf, parseOptions } from "../../../loadtests/chaos/options.ts";
import { isRunning, listenersOn, privateBytes } from "../../../loadtests/chaos/process-table.ts";

test("all scenarios by default, else those named, in that order", () => {
  const all = parseOptions(["--seed", "3"], SCENARIOS);
  assert.deepEqual(all, { scenarios: SCENARIOS, quick: false, json: false, ratePerSecond: 100, seed: 3 });
  const some = parseOptions(["--quick", "scale", "--json", "rollout", "--rate=50"], SCENARIOS);
  assert.deepEqual(
    [some?.scenarios.map(({ name }) => name), some?.quick, some?.json, some?.ratePerSecond],
    [["scale", "rollout"], true, true, 50],
  );
});

test("wrong options say what was found and wanted; help names every scenario", () => {
  for (const [args, wanted] of [
    [["scales"], /Cannot play "scales": wanted some of kill-replicas, .*gateway-processes/],
    [["--rate", "0"], /Cannot use --rate "0": wanted a whole number from 1 to 10000/],
    [["--seed", "x"], /Cannot use --seed "x"/],
    [["--fast"], /--fast/],
  ] as const) {
    assert.throws(() => parseOptions(args, SCENARIOS), wanted);
  }
  assert.equal(parseOptions(["--help"], SCENARIOS), undefined);
  const help = helpOf(SCENARIOS);
  for (const { name, title } of SCENARIOS) assert.match(help, new RegExp(`^ {2}${name} +${title}$`, "m"));
});

test("a process that ended does not run, and who listens is found", {
  skip: process.platform !== "linux",
}, async () => {
  assert.equal(isRunning(process.pid), true);
  assert(privateBytes(process.pid) > 1_000_000);
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  const pid = child.pid ?? -1;
  await once(child, "close");
  assert.deepEqual([isRunning(pid), privateBytes(pid)], [false, 0]);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert(typeof address === "object" && address !== null);
  assert.deepEqual(listenersOn(address.port), [process.pid]);
  server.close();
  await once(server, "close");
  assert.deepEqual(listenersOn(address.port), []);
});
