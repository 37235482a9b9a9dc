// What a config that is right becomes: defaults, units, what follows from what.

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { exposedListeners, isLoopback, toFileForm } from "../../../controller/config/index.ts";
import { decoded, deployment, FULL } from "./support.ts";

/** `[maxBatchSize, maxOngoingRequests]` of a deployment with these lines. */
function chosen(...lines: string[]) {
  const [application] = decoded(deployment("name: a", ...lines)).applications;
  const config = application?.deployments[0];
  return [config?.batching.maxBatchSize, config?.maxOngoingRequests];
}

const MIB = 2 ** 20;

const OUTLIERS = {
  consecutiveFailures: 5,
  minResults: 20,
  maxLatencyRatio: 5,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectedShare: 0.2,
  replaceAfter: 3,
};

test("the smallest file gets every default", () => {
  assert.deepEqual(decoded(deployment("name: net", "model: net.onnx")), {
    applications: [
      {
        name: "default",
        routePrefix: "/",
        ingress: "net",
        deployments: [
          {
            name: "net",
            version: "1",
            source: { engine: "onnx", path: resolve("etc/net.onnx"), engineOptions: {} },
            numReplicas: 1,
            maxOngoingRequests: 64,
            maxQueuedRequests: 1024,
            maxConstructorRetryCount: 3,
            userConfig: undefined,
            requestTimeoutMs: 60_000,
            healthCheckPeriodMs: 10_000,
            healthCheckTimeoutMs: 30_000,
            gracefulShutdownTimeoutMs: 20_000,
            resources: { numCpus: 1, numGpus: 0, memoryBytes: 0, custom: {} },
            batching: { maxBatchSize: 32, batchWaitTimeoutMs: 0, maxConcurrentBatches: undefined },
            idempotent: true,
            rollout: { rollingUpdatePercentage: 0.2, minReadyMs: 5_000, whenShort: "wait" },
            outliers: OUTLIERS,
          },
        ],
      },
    ],
    http: {
      host: "127.0.0.1",
      port: 8000,
      processes: 1,
      requestTimeoutMs: 60_000,
      keepAliveTimeoutMs: 90_000,
      limits: {
        maxBodyBytes: 64 * MIB,
        maxDecompressedBytes: 256 * MIB,
        maxTensors: 256,
        maxElements: 64 * MIB,
        maxJsonDepth: 32,
        maxHeaderBytes: 16_384,
        maxOpenRequests: 4096,
        maxOpenBodyBytes: 1024 * MIB,
      },
    },
    admin: { host: "127.0.0.1", port: 8265 },
    logging: { logLevel: "info" },
  });
});

test("every key reaches the config, seconds as milliseconds, sizes as bytes, paths absolute", () => {
  const config = decoded(FULL);
  const [vision, text] = config.applications;
  assert.equal(vision?.routePrefix, "/vision/v1");
  assert.equal(vision?.ingress, "front");
  const [digits, front] = vision?.deployments ?? [];
  assert.deepEqual(digits, {
    name: "digits",
    version: "3",
    source: {
      engine: "onnx",
      path: resolve("etc/models/digits.onnx"),
      engineOptions: {
        execution_providers: ["cuda", "cpu"],
        intra_op_num_threads: 2,
        graph_optimization_level: "extended",
        free_dimension_overrides: { batch: 4 },
        session_options: { "session.dynamic_block_base": 4 },
        batchable: true,
      },
    },
    numReplicas: 2,
    maxOngoingRequests: 40,
    maxQueuedRequests: 7,
    maxConstructorRetryCount: 5,
    userConfig: undefined,
    requestTimeoutMs: 250,
    healthCheckPeriodMs: 1500,
    healthCheckTimeoutMs: 2000,
    gracefulShutdownTimeoutMs: 0,
    resources: { numCpus: 0.5, numGpus: 1, memoryBytes: 1536 * MIB, custom: { fast_disk: 0.25 } },
    batching: { maxBatchSize: 16, batchWaitTimeoutMs: 1.1, maxConcurrentBatches: 3 },
    idempotent: true,
    rollout: { rollingUpdatePercentage: 0.5, minReadyMs: 250, whenShort: "stop-old" },
    outliers: OUTLIERS,
  });
  assert.deepEqual(front?.source, {
    engine: "module",
    path: resolve("etc/front.ts"),
    engineOptions: { export: "Front" },
  });
  assert.deepEqual(front?.userConfig, { greeting: ["hello", null] });
  assert.deepEqual(front?.resources, { numCpus: 2, numGpus: 0, memoryBytes: 1000, custom: { licence: 1 } });
  assert.equal(text?.ingress, "text");
  assert.deepEqual(text?.deployments[0]?.source, {
    engine: "module",
    path: resolve("/srv/text.mjs"),
    engineOptions: {},
  });
  assert.equal(config.http.limits.maxBodyBytes, 512 * MIB);
  assert.equal(config.http.limits.maxDecompressedBytes, 512 * MIB, "never below max_body_bytes");
  assert.equal(config.logging.logLevel, "warn");
});

test("what one replica may have at a time, and its batches, follow from each other", () => {
  assert.deepEqual(chosen("model: a.onnx"), [32, 64]);
  assert.deepEqual(chosen("module: a.ts"), [1, 5]);
  assert.deepEqual(chosen("module: a.ts", "batching: {max_batch_size: 8}"), [8, 16]);
  assert.deepEqual(chosen("model: a.onnx", "batching: {max_concurrent_batches: 1}"), [32, 32]);
  assert.deepEqual(chosen("model: a.onnx", "max_ongoing_requests: 8"), [8, 8]);
});

test("listeners that other machines can reach are named", () => {
  assert.deepEqual(exposedListeners(decoded(FULL)), [{ listener: "http", host: "0.0.0.0" }]);
  for (const host of ["localhost", "127.0.0.1", "127.8.8.8", "::1"]) assert(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.com", "example.com"])
    assert(!isLoopback(host), host);
});

test("an objective, tenants, second copies and a route's own time are read, and written back", () => {
  const text = [
    "applications:",
    "  - request_timeout_s: 1.5",
    "    deployments:",
    "    - name: a",
    "      model: a.onnx",
    "      autoscaling_config: { latency_slo_ms: 40 }",
    "      tenants: { header: X-Tenant, weights: { gold: 3 }, max_queued_requests: 9 }",
    "      hedging: { budget: 0.02 }",
  ].join("\n");
  const config = decoded(text);
  const [application] = config.applications;
  const [a] = application?.deployments ?? [];
  assert.equal(application?.requestTimeoutMs, 1_500);
  assert.deepEqual(
    [a?.latencySloMs, a?.tenants, a?.hedgingBudget],
    [40, { header: "x-tenant", weights: { gold: 3 }, maxQueuedRequests: 9 }, 0.02],
  );
  assert.deepEqual(decoded(stringify(toFileForm(config))), config);
});
