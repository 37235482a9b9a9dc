// What a user may write as options of tasks, actors, calls, groups, nodes, waits and of the runtime itself.

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { checkRuntime } from "../../../../runtime/core/api/check-runtime.ts";
import { checkWait } from "../../../../runtime/core/api/check-waits.ts";
import {
  checkActor,
  checkGroup,
  checkMethod,
  checkNode,
  checkTask,
} from "../../../../runtime/core/api/options.ts";

type Check = (options: never) => unknown;

const CHECKS: Readonly<Record<string, Check>> = {
  task: (options) => checkTask(options, "it"),
  actor: (options) => checkActor(options, "it"),
  method: (options) => checkMethod(options, { name: "it", maxTaskRetries: 0 }),
  group: (options) => checkGroup(options),
  node: (options) => checkNode("it", options),
  wait: (options) => checkWait(options, "it"),
  runtime: (options) => checkRuntime(options),
};

/** Of each kind what is refused: the options, and what the error names. */
const REFUSED: Readonly<Record<string, readonly (readonly [object, string])[]>> = {
  task: [
    [{ numCpu: 1 }, "numCpu"],
    [{ numCpus: Number.NaN }, "numCpus"],
    [{ numCpus: "2" }, "numCpus"],
    [{ resources: null }, "resources"],
    [{ resources: { CPU: 1 } }, "resources.CPU"],
    [{ maxRetries: Infinity }, "maxRetries"],
    [{ retryExceptions: "TypeError" }, "retryExceptions"],
    [{ retryExceptions: [5] }, "retryExceptions"],
    [{ timeoutMs: "5" }, "timeoutMs"],
    [{ timeoutMs: Number.NaN }, "timeoutMs"],
    [{ numReturns: 1e9 }, "numReturns"],
    [{ numReturns: 1.5 }, "numReturns"],
    [{ name: 5 }, "name"],
    [{ name: "" }, "name"],
    [{ schedulingStrategy: null }, "schedulingStrategy"],
    [{ schedulingStrategy: "PACK" }, "schedulingStrategy"],
    [{ schedulingStrategy: {} }, "schedulingStrategy.nodeId"],
    [{ schedulingStrategy: { nodeId: "a", soft: 1 } }, "schedulingStrategy.soft"],
    [{ schedulingStrategy: { placementGroup: {} } }, "schedulingStrategy.placementGroup"],
    ...[null, -2, 1.5, "0"].map(
      (bundleIndex) =>
        [
          { schedulingStrategy: { placementGroup: {}, bundleIndex } },
          "schedulingStrategy.bundleIndex",
        ] as const,
    ),
    [{ labelSelector: "x" }, "labelSelector"],
    [{ labelSelector: { zone: 5 } }, "labelSelector.zone"],
    [{ fallbackStrategy: "x" }, "fallbackStrategy"],
    [{ fallbackStrategy: [null] }, "fallbackStrategy[0]"],
    [{ fallbackStrategy: [{}] }, "fallbackStrategy[0].labelSelector"],
    [{ maxPerNode: 5 }, "maxPerNode"],
    [{ maxPerNode: { group: 5, most: 1 } }, "maxPerNode.group"],
  ],
  actor: [
    [{ maxRetries: 3 }, "maxRetries"],
    [{ name: 5 }, "name"],
    [{ namespace: "" }, "namespace"],
    [{ name: "a", getIfExists: "yes" }, "getIfExists"],
    [{ name: "a", lifetime: "forever" }, "lifetime"],
    [{ lifetime: "detached" }, "lifetime"],
    [{ concurrencyGroups: 5 }, "concurrencyGroups"],
    [{ methodGroups: null }, "methodGroups"],
    [{ concurrencyGroups: { io: 1 }, methodGroups: { add: "oi" } }, "methodGroups.add"],
    [{ allowOutOfOrderExecution: 1 }, "allowOutOfOrderExecution"],
    [{ signal: 5 }, "signal"],
    [{ onStatus: 5 }, "onStatus"],
    [{ onLine: "x" }, "onLine"],
  ],
  method: [
    [{ numCpus: 1 }, "numCpus"],
    [{ maxTaskRetries: Number.NaN }, "maxTaskRetries"],
    [{ maxTaskRetries: -2 }, "maxTaskRetries"],
    [{ retryExceptions: "x" }, "retryExceptions"],
    [{ concurrencyGroup: 5 }, "concurrencyGroup"],
    [{ timeoutMs: -1 }, "timeoutMs"],
  ],
  group: [
    [{}, "bundles"],
    [{ bundles: 5 }, "bundles"],
    [{ bundles: [null] }, "bundles[0]"],
    [{ bundles: [{ numCpus: 1 }, { numCpu: 1 }] }, "numCpu"],
    [{ bundles: [{ numCpus: 1 }], strategie: "SPREAD" }, "strategie"],
    [{ bundles: [{ numCpus: 1 }], strategy: "pack" }, "strategy"],
    [{ bundles: [{ numCpus: 1 }], name: 5 }, "name"],
  ],
  node: [
    [{ numCpu: 1 }, "numCpu"],
    [{ labels: "x" }, "labels"],
    [{ labels: { a: 5 } }, "labels.a"],
  ],
  wait: [
    [{ timeout: 5 }, "timeout"],
    [{ timeoutMs: "5" }, "timeoutMs"],
    [{ timeoutMs: Number.NaN }, "timeoutMs"],
    [{ timeoutMs: -1 }, "timeoutMs"],
    [{ signal: {} }, "signal"],
  ],
  runtime: [
    [{ cpus: 4 }, "cpus"],
    [{ numCpus: "4" }, "numCpus"],
    [{ resources: { CPU: 1 } }, "resources.CPU"],
    [{ labels: { a: 5 } }, "labels.a"],
    ...["objectStoreBytes", "warmWorkers", "idleWorkerBytes", "environmentCacheBytes"].flatMap((key) =>
      [-1, 1.5, Number.NaN, "1"].map((value) => [{ [key]: value }, key] as const),
    ),
    [{ idleWorkerMs: -1 }, "idleWorkerMs"],
    [{ spillFolder: "" }, "spillFolder"],
    [{ environmentCacheFolder: 5 }, "environmentCacheFolder"],
    [{ logToDriver: "x" }, "logToDriver"],
    [{ onWorkerLine: 5 }, "onWorkerLine"],
  ],
};

suite("refused options", () => {
  for (const [kind, refused] of Object.entries(REFUSED)) {
    test(`of a ${kind} are named, with what was wanted`, () => {
      for (const [options, key] of refused) {
        assert.throws(
          () => CHECKS[kind]?.(options as never),
          (error: unknown) => {
            const { code, message } = error as { readonly code?: string; readonly message: string };
            assert.equal(code, "INVALID_ARGUMENT", message);
            assert.ok(message.startsWith(`Cannot set ${key} of `), `${JSON.stringify(options)}: ${message}`);
            assert.match(message, /wanted /);
            return true;
          },
          JSON.stringify(options),
        );
      }
    });
  }
});

test("what can work passes, at its limits too", () => {
  const { numReturns, maxRetries, retryOn } = checkTask(
    { numReturns: 100_000, maxRetries: -1, retryExceptions: ["RangeError"], timeoutMs: Infinity },
    "it",
  );
  assert.deepEqual([numReturns, maxRetries, retryOn], [100_000, -1, ["RangeError"]]);
  assert.equal(checkMethod({}, { name: "it", maxTaskRetries: -1 }).maxRetries, -1);
  checkWait({ timeoutMs: 0, signal: new AbortController().signal }, "it");
  checkWait({ timeoutMs: Infinity }, "it");
  checkRuntime({
    numCpus: 0.5,
    objectStoreBytes: 0,
    warmWorkers: 0,
    idleWorkerMs: Infinity,
    labels: { a: "" },
  });
  checkNode("it", { numCpus: 1, labels: { zone: "a" } });
});
