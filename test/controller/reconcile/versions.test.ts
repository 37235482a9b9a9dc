// What a change of a config costs, and the versions that follow from it.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { DeploymentConfig } from "../../../controller/config/index.ts";
import { classify, keyOf, revisionOf } from "../../../controller/reconcile/index.ts";
import { FIELD_CLASSES } from "../../../controller/reconcile/field-classes.ts";
import { checkProperty } from "../../support/properties.ts";
import { CONFIG } from "./support.ts";

const CHANGES: readonly (readonly [string, Partial<DeploymentConfig>])[] = [
  ["light", { numReplicas: 2 }],
  ["light", { maxOngoingRequests: 9 }],
  ["light", { batching: { ...CONFIG.batching, maxBatchSize: 8 } }],
  ["light", { requestTimeoutMs: 1 }],
  ["reconfigure", { userConfig: { mode: "fast" } }],
  ["reconfigure", { userConfig: null }],
  ["heavy", { version: "2" }],
  ["heavy", { source: { engine: "module", path: "/models/good.ts", engineOptions: { export: "Other" } } }],
  ["heavy", { resources: { ...CONFIG.resources, custom: { tpu: 1 } } }],
  ["identity", { name: "another" }],
];

for (const [wanted, change] of CHANGES) {
  test(`a change of ${JSON.stringify(change)} is ${wanted}`, () => {
    const changed = classify(CONFIG, { ...CONFIG, ...change });
    assert.equal(changed.class, wanted);
    assert.deepEqual(
      changed.fields.map(({ field }) => field),
      Object.keys(change),
    );
  });
}

test("the costliest field decides, all are named; the same config is no change", () => {
  const changed = classify(CONFIG, { ...CONFIG, version: "2", userConfig: 1, numReplicas: 3 });
  assert.equal(changed.class, "heavy");
  assert.deepEqual(changed.fields, [
    { field: "version", class: "heavy" },
    { field: "userConfig", class: "reconfigure" },
    { field: "numReplicas", class: "light" },
  ]);
  assert.deepEqual(classify(CONFIG, structuredClone(CONFIG)), { class: "none", fields: [] });
});

test("the order of keys and keys that are undefined do not matter (invariant 1)", () => {
  const a = { ...CONFIG, userConfig: { x: 1, y: [{ p: 1, q: undefined }] } };
  const b = { ...CONFIG, userConfig: { y: [{ p: 1 }], x: 1 } };
  assert.equal(classify(a, b).class, "none");
  assert.deepEqual(revisionOf(a).version, revisionOf(b).version);
});

test("the files that a config names are part of its version", () => {
  const [one, other] = [revisionOf(CONFIG, "hash 1"), revisionOf(CONFIG, "hash 2")];
  assert.notEqual(keyOf(one), keyOf(other));
  assert.equal(one.version.light, other.version.light);
});

test("the hash of a class changes exactly when a field of that class does (invariant 1)", (t) => {
  const value = fc.jsonValue({ maxDepth: 2 });
  const config = fc
    .record({
      userConfig: value,
      numReplicas: fc.nat(2),
      version: fc.constantFrom("1", "2"),
      idempotent: fc.boolean(),
    })
    .map((change): DeploymentConfig => ({ ...CONFIG, ...change }));
  checkProperty(
    t,
    fc.property(config, config, (before, next) => {
      const classes = new Set(classify(before, next).fields.map(({ class: fieldClass }) => fieldClass));
      const [a, b] = [revisionOf(before).version, revisionOf(next).version];
      for (const fieldClass of ["heavy", "reconfigure", "light"] as const)
        assert.equal(a[fieldClass] !== b[fieldClass], classes.has(fieldClass), fieldClass);
    }),
    500,
  );
});

/** What a config may go without. */
const OPTIONAL = {
  scaling: { minReplicas: 0, maxReplicas: 2, initialReplicas: 1, policy: "ray" },
  latencySloMs: 50,
  tenants: { header: "x-tenant", weights: {} },
  hedgingBudget: 0.02,
  maxReplicasPerNode: 2,
  placementGroup: {
    strategy: "PACK",
    bundles: [{ numCpus: 1, numGpus: 0, memoryBytes: 0, custom: {} }],
  },
  outliers: {
    consecutiveFailures: 5,
    minResults: 20,
    maxLatencyRatio: 5,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    maxEjectedShare: 0.2,
    replaceAfter: 3,
  },
} as const;

test("the table has every field of a real config and no other", () => {
  const full = { ...CONFIG, ...OPTIONAL } satisfies Required<DeploymentConfig>;
  assert.deepEqual(Object.keys(FIELD_CLASSES).sort(), Object.keys(full).sort());
});
