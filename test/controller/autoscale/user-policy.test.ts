// A user's rule: whatever it does, the last good target stays and the decision says why. The threads are real.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import * as fc from "fast-check";
import {
  type PolicyCall,
  type PolicyContext,
  PolicyThread,
  RayDelay,
  UserPolicy,
} from "../../../controller/autoscale/index.ts";
import { contextOf } from "../../../controller/autoscale/user/policy-context.ts";
import { TestFolder } from "../../cli/support.ts";
import { checkAsyncProperty } from "../../support/properties.ts";
import { snapshot } from "./support.ts";

const NAMES = { deploymentName: "digits", appName: "default" };
const MODULE = new URL("./fixtures/policies.ts", import.meta.url).href;

/** A policy whose calls are answered by the test. */
function scripted(more: { deadlineMs?: number; delay?: RayDelay } = {}) {
  const calls: {
    resolve(answer: unknown): void;
    reject(error: Error): void;
    signal: AbortSignal;
    context: PolicyContext;
  }[] = [];
  const call: PolicyCall = (context, signal) =>
    new Promise((resolve, reject) => calls.push({ resolve, reject, signal, context }));
  const policy = new UserPolicy({ ...NAMES, call, deadlineMs: 5_000, ...more });
  let target = 3;
  const ask = async (second: number) => {
    await new Promise(setImmediate); // what was answered has been heard
    const decision = policy.decide(snapshot({ nowMs: second * 1_000, target, bounds: { min: 1, max: 10 } }));
    ({ target } = decision);
    return decision;
  };
  return { calls, ask };
}

test("the newest answer is taken, and asked for again after a second", async () => {
  const { calls, ask } = scripted();
  assert.equal((await ask(0)).explanation, "3: the policy has not answered yet");
  calls[0]?.resolve(5);
  assert.equal((await ask(0.5)).explanation, "3 → 5: the policy answered 5");
  assert.equal(calls.length, 1);
  await ask(1);
  calls[1]?.resolve([99, { seen: 1 }]);
  const clipped = await ask(1.5);
  assert.deepEqual(
    [clipped.target, clipped.explanation],
    [10, "5 → 10: the policy answered 99, 1 to 10 allowed"],
  );
  await ask(2);
  assert.deepEqual(calls[2]?.context.policyState, { seen: 1 });
});

for (const [name, answer, said] of [
  ["NaN", Number.NaN, "answered NaN"],
  ["a negative number", -1, "answered -1"],
  ["a fraction", 2.5, "answered 2.5"],
  ["infinity", Infinity, "answered Infinity"],
  ["text", "7", 'answered "7"'],
  ["nothing", undefined, "answered undefined"],
  ["an object", { replicas: 3 }, "answered an object"],
  ["an endless state", [3, "x".repeat(70_000)], "answered a state of 70002 characters"],
  ["a state that is no JSON", [3, 1n], "answered a state that is no JSON"],
] satisfies [string, unknown, string][]) {
  test(`${name} is no answer: the last good one stays (invariant 1)`, async () => {
    const { calls, ask } = scripted();
    await ask(0);
    calls[0]?.resolve(4);
    await ask(1);
    calls[1]?.resolve(answer);
    const decision = await ask(2);
    assert.equal(decision.target, 4);
    assert(decision.fault?.startsWith(`The policy ${said}`), decision.fault ?? "no fault");
    assert(decision.explanation.includes("kept"), decision.explanation);
  });
}

test("a throw keeps the last good target; a good answer clears the fault (invariant 1)", async () => {
  const { calls, ask } = scripted();
  await ask(0);
  calls[0]?.resolve(4);
  await ask(1);
  calls[1]?.reject(new Error("no opinion"));
  assert.equal((await ask(1.5)).fault, "The policy failed: no opinion");
  await ask(3);
  calls[2]?.resolve(6);
  const good = await ask(3.5);
  assert.deepEqual([good.target, good.fault], [6, undefined]);
});

test("a call past its deadline is aborted, and none is made until it has ended (invariant 2)", async () => {
  const { calls, ask } = scripted();
  const first = await ask(0);
  assert.equal(first.reviewAtMs, 5_000);
  assert.equal((await ask(4.9)).fault, undefined);
  assert.equal((await ask(5)).fault, "The policy did not answer within 5 s");
  assert.equal(calls[0]?.signal.aborted, true);
  await ask(500);
  assert.equal(calls.length, 1);
  calls[0]?.resolve(9); // too late
  const late = await ask(501);
  assert.deepEqual([late.target, calls.length], [3, 2]);
});

test("after failures in a row it is asked less often, up to once a minute (invariant 3)", async () => {
  const { calls, ask } = scripted();
  const times: number[] = [];
  for (let second = 0; second < 400; second++) {
    const before = calls.length;
    await ask(second);
    if (calls.length === before) continue;
    times.push(second);
    calls.at(-1)?.reject(new Error("no"));
  }
  assert.deepEqual(times, [0, 2, 6, 14, 30, 62, 122, 182, 242, 302, 362]);
});

test("Ray's delays can be laid over it (invariant 4)", async () => {
  const delay = new RayDelay({ upscaleDelayMs: 10_000, downscaleDelayMs: 0, downscaleToZeroDelayMs: 0 });
  const { calls, ask } = scripted({ delay });
  await ask(0);
  calls[0]?.resolve(8);
  assert.equal((await ask(0.5)).target, 3);
  assert.equal((await ask(10.5)).target, 8);
});

test("any answer at all leaves a whole number within the bounds (random)", async (t) => {
  await checkAsyncProperty(
    t,
    fc.asyncProperty(fc.array(fc.anything(), { maxLength: 8 }), async (answers) => {
      const { calls, ask } = scripted();
      let second = 0;
      for (const answer of answers) {
        await ask((second += 100));
        calls.at(-1)?.resolve(answer);
        const { target } = await ask((second += 1));
        assert(Number.isInteger(target) && target >= 1 && target <= 10);
      }
    }),
    60,
  );
});

const CONTEXT = contextOf(snapshot({ queuedRequests: 30, ongoingRequests: 12 }), {
  ...NAMES,
  lookBackMs: 30_000,
  lastScaleUpMs: undefined,
  lastScaleDownMs: undefined,
  state: 4,
});
const NEVER = new AbortController().signal;

test("a module's function runs in a thread, with Ray's context", async () => {
  await using thread = new PolicyThread({ module: MODULE, export: "perRequest" });
  assert.equal(await thread.call(CONTEXT, NEVER), 5);
  assert.equal(await thread.call(CONTEXT, NEVER), 5);
  await using counting = new PolicyThread({ module: MODULE, export: "counting" });
  assert.deepEqual(await counting.call(CONTEXT, NEVER), [5, 5]);
});

test("a loop without end ends with its call, and the next call starts anew", async () => {
  await using thread = new PolicyThread({ module: MODULE, export: "spinning" });
  for (let n = 0; n < 2; n++) {
    const stop = new AbortController();
    const spinning = thread.call(CONTEXT, stop.signal);
    stop.abort();
    await assert.rejects(spinning, { code: "CALL_FAILED" });
  }
});

for (const [name, said] of [
  ["throwing", /no opinion \(at policies\.ts:18\)$/],
  ["leaving", /code 3/],
  ["hoarding", /memory/],
  ["uncloneable", /could not be cloned/],
  ["constant", /Cannot find the policy "constant"/],
  ["absent", /exports .*perRequest/],
] as const) {
  test(`a policy that is ${name} fails its call`, async () => {
    await using thread = new PolicyThread({ module: MODULE, export: name });
    await assert.rejects(thread.call(CONTEXT, NEVER), { code: "CALL_FAILED", message: said });
  });
}

test("a module that could not be loaded is loaded anew by the next call (invariant 3)", async () => {
  await using folder = await TestFolder.make();
  const path = await folder.write("scale.mjs", "export const decide = () => (;");
  await using thread = new PolicyThread({ module: pathToFileURL(path).href, export: "decide" });
  const faulty = { code: "CALL_FAILED", message: /\(at scale\.mjs:1\)$/ };
  await assert.rejects(thread.call(CONTEXT, NEVER), faulty);
  await folder.write("scale.mjs", "export const decide = () => 7;");
  assert.equal(await thread.call(CONTEXT, NEVER), 7);
});

test("what a module prints goes to whoever listens (invariant 5)", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  await using thread = new PolicyThread({ module: MODULE, export: "talking" }, resolve);
  assert.equal(await thread.call(CONTEXT, NEVER), 1);
  assert.equal(await promise, "one is enough");
});

test("a module that is not there is named, and nothing of ours", async () => {
  const module = pathToFileURL("/nowhere/scale.ts").href;
  await using thread = new PolicyThread({ module, export: "decide" });
  await assert.rejects(thread.call(CONTEXT, NEVER), { message: "Cannot find module '/nowhere/scale.ts'" });
});

test("a closed one makes no calls", async () => {
  const thread = new PolicyThread({ module: MODULE, export: "perRequest" });
  await thread.close();
  await assert.rejects(thread.call(CONTEXT, NEVER), { code: "CANCELLED" });
});
