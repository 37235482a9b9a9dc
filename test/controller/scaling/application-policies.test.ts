// The threads behind the rules of applications, with real threads: one for all deployments, for as long as one goes by it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApplicationPolicies } from "../../../controller/scaling/application-policies.ts";
import { decodeConfig } from "../../../controller/config/index.ts";
import { Scaling } from "../../../controller/scaling/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { snapshot } from "../autoscale/support.ts";

const FIXTURE = new URL("../autoscale/fixtures/policies.ts", import.meta.url).pathname;
const SOURCE = { scope: "application", path: FIXTURE, exportName: "countingForAll" } as const;
const BOUNDS = { min: 0, max: 100 };

/** A deployment's part, and a way to have the next answer. */
function join(policies: ApplicationPolicies, deploymentName: string, appName = "shop") {
  let woken = Promise.withResolvers<void>();
  const running = policies.join(SOURCE, { appName, deploymentName, wake: () => woken.resolve() });
  const decideAt = (second: number) =>
    running.policy.decide(snapshot({ nowMs: second * 1_000, bounds: BOUNDS, target: 0 }));
  return {
    decideAt,
    /** Makes it ask, and gives what it decides with the answer. */
    nextAt: async (second: number): Promise<number> => {
      woken = Promise.withResolvers();
      decideAt(second);
      await woken.promise;
      const { fault, target } = decideAt(second);
      assert.equal(fault, undefined);
      return target;
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

test("one thread answers for all deployments of an application, and for no other application (invariant 1)", async () => {
  const policies = new ApplicationPolicies(silentLog);
  await using digits = join(policies, "digits");
  await using text = join(policies, "text");
  await using other = join(policies, "digits", "other");
  assert.equal(await digits.nextAt(0), 1);
  assert.equal(text.decideAt(1).target, 0, "it had not been looked at, and is asked about next");
  assert.equal(await digits.nextAt(1), 2);
  assert.equal(text.decideAt(1).target, 2);
  assert.equal(await other.nextAt(1), 1);
});

test("it goes on while one is left, and begins anew after the last has gone (invariant 2)", async () => {
  const policies = new ApplicationPolicies(silentLog);
  {
    await using digits = join(policies, "digits");
    await using text = join(policies, "text");
    assert.equal(await digits.nextAt(0), 1);
    await text[Symbol.asyncDispose](); // and once more below
    assert.equal(await digits.nextAt(1), 2);
  }
  await using again = join(policies, "digits");
  assert.equal(await again.nextAt(2), 1);
});

test("a deployment that another application has now leaves the first one's rule", async () => {
  const asked: string[] = [];
  const scaling = new Scaling({
    clock: new FakeClock(),
    log: silentLog,
    look: () => undefined,
    onTarget: () => undefined,
    policyOf: ({ application }) => {
      asked.push(`${application} joined`);
      return {
        policy: { name: "none", decide: () => assert.fail() },
        [Symbol.asyncDispose]: async () => void asked.push(`${application} left`),
      };
    },
  });
  const decoded = decodeConfig(
    JSON.stringify({
      applications: [{ deployments: [{ name: "a", model: "a.onnx", num_replicas: "auto" }] }],
    }),
    { file: "/srv/shoal.json" },
  );
  const config = decoded.kind === "ok" ? decoded.value.applications[0]?.deployments[0] : undefined;
  assert(config !== undefined);
  for (const application of ["one", "one", "two"]) scaling.replicasFor(config, { application });
  assert.deepEqual(asked, ["one joined", "one left", "two joined"]);
  await scaling.stop();
});
