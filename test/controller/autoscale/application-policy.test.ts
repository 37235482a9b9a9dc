// A user's rule for several deployments: asked once for all, taken as a whole, and whatever it does is contained.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type ApplicationCall,
  type ApplicationContexts,
  ApplicationPolicy,
  RayDelay,
  type ScalingDecision,
} from "../../../controller/autoscale/index.ts";
import { checkAsyncProperty } from "../../support/properties.ts";
import { snapshot } from "./support.ts";

const BOUNDS = { min: 1, max: 10 };

/** A policy for `digits` and `text`, whose calls are answered by the test. */
function scripted(delayOf?: () => RayDelay) {
  const calls: {
    resolve(answer: unknown): void;
    reject(error: Error): void;
    readonly signal: AbortSignal;
    readonly contexts: ApplicationContexts;
  }[] = [];
  const call: ApplicationCall = (contexts, signal) =>
    new Promise((resolve, reject) => calls.push({ resolve, reject, signal, contexts }));
  const shared = new ApplicationPolicy({ appName: "shop", call, deadlineMs: 5_000 });
  let woken = 0;
  const targets: Record<string, number> = { digits: 2, text: 3 };
  const policies = new Map(
    Object.keys(targets).map((name) => {
      const joined = shared.join({
        deploymentName: name,
        wake: () => void woken++,
        ...(delayOf === undefined ? {} : { delay: delayOf() }),
      });
      return [name, joined] as const;
    }),
  );
  /** What both are to have at that second. */
  const ask = async (second: number): Promise<Record<string, ScalingDecision>> => {
    await new Promise(setImmediate); // what was answered has been heard
    const decisions = [...policies].map(([name, policy]) => {
      const target = targets[name] ?? 0;
      const decision = policy.decide(
        snapshot({ nowMs: second * 1_000, target, bounds: BOUNDS, queuedRequests: second }),
      );
      targets[name] = decision.target;
      return [name, decision] as const;
    });
    await Promise.resolve(); // it is asked at the end of the turn
    return Object.fromEntries(decisions);
  };
  const lines = async (second: number): Promise<(string | undefined)[]> => {
    const { digits, text } = await ask(second);
    return [digits?.explanation, text?.explanation];
  };
  return { calls, ask, lines, shared, policies, woken: () => woken };
}

test("it is asked once for all, each as it is now, and each takes its part (invariant 3)", async () => {
  const { calls, lines, woken } = scripted();
  const none = "the application's policy has not answered yet";
  assert.deepEqual(await lines(7), [`2: ${none}`, `3: ${none}`]);
  assert.equal(calls.length, 1);
  const [first] = calls;
  const seen = Object.values(first?.contexts ?? {}).map((one) => [
    one.appName,
    one.deploymentName,
    one.targetNumReplicas,
    one.totalQueuedRequests,
    one.policyState,
  ]);
  assert.deepEqual(seen, [
    ["shop", "digits", 2, 7, null],
    ["shop", "text", 3, 7, null],
  ]);
  first?.resolve([
    { digits: 4, text: 99 },
    { digits: "mine", text: [1] },
  ]);
  const said = "the application's policy answered";
  assert.deepEqual(await lines(7.5), [`2 → 4: ${said} 4`, `3 → 10: ${said} 99, 1 to 10 allowed`]);
  assert.equal(woken(), 2);
  await lines(8);
  const states = Object.values(calls[1]?.contexts ?? {}).map(({ policyState }) => policyState);
  assert.deepEqual([calls.length, states], [2, ["mine", [1]]]);
});

test("as in Ray, one that it leaves out keeps its target and its state (invariant 2)", async () => {
  const { calls, lines } = scripted();
  await lines(0);
  calls[0]?.resolve([new Map([["digits", 5]]), { text: 1, digits: 1 }]);
  assert.deepEqual(await lines(1), [
    "2 → 5: the application's policy answered 5",
    "3: the application's policy left it out",
  ]);
  calls[1]?.resolve([{}, { digits: 2 }]);
  await lines(2);
  const states = Object.values(calls[2]?.contexts ?? {}).map(({ policyState }) => policyState);
  assert.deepEqual(states, [2, 1]);
});

for (const [name, answer, said] of [
  ["a number", 3, "answered 3, numbers of replicas by deployment were wanted"],
  ["nothing", undefined, "answered undefined, numbers of replicas by deployment were wanted"],
  ["a date", new Date(0), "answered an object, numbers of replicas by deployment were wanted"],
  [
    "NaN for one",
    { digits: 9, text: Number.NaN },
    'answered NaN for "text", a whole number of replicas was wanted',
  ],
  ["a list for one", { digits: [9] }, 'answered a list for "digits", a whole number of replicas was wanted'],
  ["one it does not know", { digits: 9, texts: 2 }, 'answered for "texts", one of digits, text was wanted'],
  [
    "a state of one it does not know",
    [{ digits: 9 }, { x: 1 }],
    'answered for "x", one of digits, text was wanted',
  ],
  ["a state for nobody", [{ digits: 9 }, 5], "answered 5 as states, states by deployment were wanted"],
  [
    "an endless state",
    [{ digits: 9 }, { text: "x".repeat(70_000) }],
    "answered a state of 70011 characters of JSON, 65536 are allowed",
  ],
] satisfies [string, unknown, string][]) {
  test(`${name} is no answer: both keep what they had, and say why (invariants 1 and 2)`, async () => {
    const { calls, ask } = scripted();
    await ask(0);
    calls[0]?.resolve({ digits: 4, text: 5 });
    await ask(1);
    calls[1]?.resolve(answer);
    const { digits, text } = await ask(2);
    assert.deepEqual([digits?.target, text?.target], [4, 5]);
    assert.equal(digits?.fault, `The application's policy ${said}`);
    assert.equal(text?.fault, digits.fault);
    assert.equal(text?.explanation, `5: the application's policy answered 5; kept, since it ${said}`);
  });
}

test("a throw is contained, and so is a hang; a good answer ends the fault (invariant 1)", async () => {
  const { calls, ask } = scripted();
  await ask(0);
  calls[0]?.reject(new Error("no opinion"));
  assert.equal((await ask(1))["text"]?.fault, "The application's policy failed: no opinion");
  await ask(3);
  assert.equal((await ask(8))["digits"]?.fault, "The application's policy did not answer within 5 s");
  assert.equal(calls[1]?.signal.aborted, true);
  calls[1]?.reject(new Error("ended"));
  await ask(20);
  calls[2]?.resolve({ digits: 6 });
  const { digits, text } = await ask(20.5);
  assert.deepEqual([digits?.target, digits?.fault, text?.target, text?.fault], [6, undefined, 3, undefined]);
});

test("one that has left is not told of, and cannot be answered for; its place may be taken", async () => {
  const { calls, ask, shared, policies } = scripted();
  const [digits, text] = [...policies.values()];
  assert(digits !== undefined && text !== undefined);
  await ask(0);
  calls[0]?.resolve({ digits: 4, text: 5 });
  assert.equal(shared.leave(digits), true);
  policies.delete("digits");
  await ask(1);
  assert.deepEqual(Object.keys(calls[1]?.contexts ?? {}), ["text"]);
  calls[1]?.resolve({ digits: 4, text: 5 });
  assert.match((await ask(2))["text"]?.fault ?? "", /answered for "digits", one of text was wanted/);
  const again = shared.join({ deploymentName: "text", wake: () => undefined });
  assert.equal(shared.leave(text), false, "another is in its place");
  assert.equal(shared.size, 1);
  assert.equal(shared.leave(again), true);
  assert.equal(shared.size, 0);
});

test("Ray's delays are laid over its answers, of each deployment its own", async () => {
  const delays = { upscaleDelayMs: 10_000, downscaleDelayMs: 0, downscaleToZeroDelayMs: 0 };
  const { calls, ask } = scripted(() => new RayDelay(delays));
  await ask(0);
  calls[0]?.resolve({ digits: 8 });
  assert.equal((await ask(0.5))["digits"]?.target, 2);
  assert.equal((await ask(10.5))["digits"]?.target, 8);
});

test("any answer at all leaves whole numbers within the bounds (random)", async (t) => {
  const name = fc.constantFrom("digits", "text", "other");
  const answer = fc.oneof(
    fc.anything(),
    fc.dictionary(name, fc.oneof(fc.integer({ min: -2, max: 30 }), fc.anything())),
    fc.tuple(fc.dictionary(name, fc.nat(20)), fc.anything()),
  );
  await checkAsyncProperty(
    t,
    fc.asyncProperty(fc.array(answer, { maxLength: 8 }), async (answers) => {
      const { calls, ask } = scripted();
      let second = 0;
      for (const one of answers) {
        await ask((second += 100));
        calls.at(-1)?.resolve(one);
        for (const { target } of Object.values(await ask((second += 1))))
          assert(Number.isInteger(target) && target >= 1 && target <= 10);
      }
    }),
    60,
  );
});
