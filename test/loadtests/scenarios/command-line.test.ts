// The command lines of the chaos and the scaling scenarios, which are one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMAND_LINE as CHAOS } from "../../../loadtests/chaos/command-line.ts";
import { COMMAND_LINE as SCALING } from "../../../loadtests/scaling/command-line.ts";
import { helpOf, parseOptions } from "../../../loadtests/scenarios/command-line.ts";

test("all scenarios by default, else those named, in that order", () => {
  assert.deepEqual(parseOptions(CHAOS, ["--seed", "3"]), {
    scenarios: CHAOS.scenarios,
    quick: false,
    json: false,
    settings: { ratePerSecond: 100, seed: 3 },
  });
  const some = parseOptions(CHAOS, ["--quick", "scale", "--json", "rollout", "--rate=50"]);
  assert.deepEqual(
    [some?.scenarios.map(({ name }) => name), some?.quick, some?.json, some?.settings.ratePerSecond],
    [["scale", "rollout"], true, true, 50],
  );
  const { scenarios, settings } = parseOptions(SCALING, ["zero"]) ?? {};
  assert.deepEqual([scenarios?.map(({ name }) => name), settings], [["zero"], { seed: 1 }]);
});

test("wrong options say what was found and wanted", () => {
  for (const [args, wanted] of [
    [["scales"], /Cannot play "scales": wanted some of kill-replicas, .*gateway-processes/],
    [["--rate", "0"], /Cannot use --rate "0": wanted a whole number from 1 to 10000/],
    [["--seed", "x"], /Cannot use --seed "x"/],
    [["--fast"], /--fast/],
  ] as const) {
    assert.throws(() => parseOptions(CHAOS, args), wanted);
  }
  assert.throws(() => parseOptions(SCALING, ["--rate", "3"]), /--rate/);
  assert.throws(() => parseOptions(SCALING, ["rollout"]), /wanted some of step, /);
});

test("help names every scenario and number", () => {
  assert.deepEqual(
    [parseOptions(CHAOS, ["--help"]), parseOptions(SCALING, ["-h", "step"])],
    [undefined, undefined],
  );
  for (const [help, { scenarios, numbers }] of [
    [helpOf(CHAOS), CHAOS],
    [helpOf(SCALING), SCALING],
  ] as const) {
    for (const { name, title } of scenarios) assert.match(help, new RegExp(`^ {2}${name} +${title}$`, "m"));
    for (const { name, help: text } of numbers)
      assert(help.includes(`  --${name} <n>`) && help.includes(text));
  }
});
