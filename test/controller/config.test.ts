import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { stringify } from "yaml";
import {
  configJsonSchema,
  decodeConfig,
  exposedListeners,
  isLoopback,
  loadConfig,
  type ServeConfig,
  toFileForm,
} from "../../controller/config/index.ts";
import { formatFault } from "../../runtime/base/config/index.ts";

function decoded(text: string): ServeConfig {
  const outcome = decodeConfig(text, { file: "etc/shoal.yaml" });
  assert.deepEqual(outcome.kind === "faults" ? outcome.faults.map(formatFault) : [], []);
  assert(outcome.kind === "ok");
  return outcome.value;
}

function faultsOf(text: string): string[] {
  const outcome = decodeConfig(text, { file: "s.yaml" });
  return outcome.kind === "ok" ? [] : outcome.faults.map(formatFault);
}

/** The lines of one deployment in an otherwise good file; they start on line 3, at column 7. */
function deployment(...lines: string[]): string {
  return ["applications:", "  - deployments:", `    - ${lines.join("\n      ")}`].join("\n");
}

/** `[maxBatchSize, maxOngoingRequests]` of a deployment with these lines. */
function chosen(...lines: string[]) {
  const [application] = decoded(deployment("name: a", ...lines)).applications;
  const config = application?.deployments[0];
  return [config?.batching.maxBatchSize, config?.maxOngoingRequests];
}

function fits(route: string): boolean {
  const deployments = [{ name: "a", model: "a.onnx" }];
  return faultsOf(JSON.stringify({ applications: [{ route_prefix: route, deployments }] })).length === 0;
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

const FULL = `
$schema: ../shoal.schema.json
applications:
  - name: vision
    route_prefix: /vision/v1
    ingress: front
    deployments:
      - name: digits
        version: 3
        model: models/digits.onnx
        engine_options:
          execution_providers: [cuda, cpu]
          intra_op_num_threads: 2
          graph_optimization_level: extended
          free_dimension_overrides: {batch: 4}
          session_options: {session.dynamic_block_base: 4}
          batchable: true
        num_replicas: 2
        max_ongoing_requests: 40
        max_queued_requests: 7
        request_timeout_s: 0.25
        health_check_period_s: 1.5
        health_check_timeout_s: 2
        graceful_shutdown_timeout_s: 0
        max_constructor_retry_count: 5
        rolling_update_percentage: 0.5
        min_ready_s: 0.25
        rolling_update_when_short: stop_old
        resources: {num_cpus: 0.5, num_gpus: 1, memory: 1.5GiB, custom: {fast_disk: 0.25}}
        batching: {max_batch_size: 16, batch_wait_timeout_s: 0.0011, max_concurrent_batches: 3}
      - name: front
        module: ./front.ts:Front
        idempotent: true
        user_config: {greeting: [hello, null]}
        ray_actor_options: {num_cpus: 2, memory: 1000, resources: {licence: 1}}
        batching: {max_batch_size: 4}
  - name: text
    route_prefix: /text
    deployments:
      - {name: text, module: /srv/text.mjs}
http_options: {host: 0.0.0.0, port: 0, limits: {max_body_bytes: 512MiB, max_header_bytes: 32KiB}}
admin_options: {port: 9000}
logging_config: {log_level: WARNING}
`;

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

const NAME_WANTED =
  "a name of at most 128 letters, digits, and the characters _ . - of which only _ may be the first";

const faulty: [what: string, text: string, faults: string[]][] = [
  [
    "no applications",
    "applications: []",
    ["s.yaml:1:15: found an empty list at applications, wanted a list of at least 1"],
  ],
  [
    "no deployments",
    "applications:\n- name: a",
    ["s.yaml:2:3: found nothing at applications[0].deployments, wanted a list of at least 1"],
  ],
  [
    "a mistyped key",
    deployment("name: a", "model: a.onnx", "num_replica: 2"),
    [
      's.yaml:5:7: found the unknown key "num_replica" at applications[0].deployments[0].num_replica, wanted a known key; did you mean "num_replicas"?',
    ],
  ],
  [
    "text for a count",
    deployment("name: a", "model: a.onnx", "num_replicas: two"),
    [
      's.yaml:5:21: found "two" at applications[0].deployments[0].num_replicas, wanted a whole number from 1 to 1024, or auto',
    ],
  ],
  [
    "a queue without bound",
    deployment("name: a", "model: a.onnx", "max_queued_requests: -1"),
    [
      "s.yaml:5:28: found -1 at applications[0].deployments[0].max_queued_requests, wanted a whole number from 1 to 1000000; every queue has a bound",
    ],
  ],
  [
    "no name",
    deployment("model: a.onnx"),
    [`s.yaml:3:7: found nothing at applications[0].deployments[0].name, wanted ${NAME_WANTED}`],
  ],
  [
    "a name that is no V2 model name",
    deployment("name: a/b", "model: a.onnx"),
    [`s.yaml:3:13: found "a/b" at applications[0].deployments[0].name, wanted ${NAME_WANTED}`],
  ],
  [
    "neither model nor module",
    deployment("name: a"),
    ["s.yaml:3:7: found neither model nor module at applications[0].deployments[0], wanted one of them"],
  ],
  [
    "both model and module",
    deployment("name: a", "model: a.onnx", "module: a.ts"),
    ["s.yaml:5:7: found both model and module at applications[0].deployments[0].module, wanted one of them"],
  ],
  [
    "a model that no engine is known for",
    deployment("name: a", "model: a.pt"),
    [
      's.yaml:4:14: found "a.pt" at applications[0].deployments[0].model, wanted a file that ends in .onnx, or an engine beside it',
    ],
  ],
  [
    "a module in another language",
    deployment("name: a", "module: a.py:App"),
    [
      's.yaml:4:15: found "a.py:App" at applications[0].deployments[0].module, wanted a file that ends in .ts, .mts, .js, .mjs, with or without ":" and the name of an export',
    ],
  ],
  [
    "a model from a URL",
    deployment("name: a", "model: https://example.com/a.onnx"),
    [
      's.yaml:4:14: found "https://example.com/a.onnx" at applications[0].deployments[0].model, wanted the path of a file, relative to this file or absolute, not a URL',
    ],
  ],
  [
    "the wrong engine",
    deployment("name: a", "model: a.onnx", "engine: module"),
    [
      's.yaml:5:15: found "module" at applications[0].deployments[0].engine, wanted an engine for the model beside it',
    ],
  ],
  [
    "engine_options on a module",
    deployment("name: a", "module: a.ts", "engine_options: {enable_mem_pattern: true}"),
    [
      "s.yaml:5:7: found engine_options at applications[0].deployments[0].engine_options, wanted none for a module; user_config reaches its code",
    ],
  ],
  [
    "idempotent on a model",
    deployment("name: a", "model: a.onnx", "idempotent: false"),
    [
      "s.yaml:5:7: found idempotent at applications[0].deployments[0].idempotent, wanted it only beside module; a model's requests may always run again",
    ],
  ],
  [
    "room for less than a batch",
    deployment("name: a", "model: a.onnx", "batching: {max_batch_size: 8}", "max_ongoing_requests: 4"),
    [
      "s.yaml:6:29: found 4 at applications[0].deployments[0].max_ongoing_requests, wanted at least batching.max_batch_size, 8",
    ],
  ],
  [
    "resources twice",
    deployment("name: a", "model: a.onnx", "ray_actor_options: {num_cpus: 1}", "resources: {num_cpus: 1}"),
    [
      "s.yaml:6:7: found both resources and ray_actor_options at applications[0].deployments[0].resources, wanted one of them",
    ],
  ],
  [
    "a share finer than we count, and memory that is no size",
    deployment("name: a", "model: a.onnx", "resources: {num_cpus: 0.00001, memory: 2 gigs}"),
    [
      "s.yaml:5:29: found 0.00001 at applications[0].deployments[0].resources.num_cpus, wanted at most four digits behind the point",
      's.yaml:5:46: found "2 gigs" at applications[0].deployments[0].resources.memory, wanted a whole number of bytes from 0, or text such as "512MiB"',
    ],
  ],
  [
    "two applications of one name and one route, by default and in words",
    "applications:\n- deployments: [{name: a, model: a.onnx}]\n- route_prefix: /\n  deployments: [{name: b, model: b.onnx}]\n",
    [
      's.yaml:3:3: found "default", the default name, again (first on line 2) at applications[1], wanted a name that no other has',
      's.yaml:3:17: found "/" again (first on line 2) at applications[1].route_prefix, wanted a route_prefix that no other has',
    ],
  ],
  [
    "two deployments of one name, in two applications",
    "applications:\n- deployments: [{name: a, model: a.onnx}]\n- name: two\n  route_prefix: /two\n  deployments: [{name: a, model: b.onnx}]\n",
    [
      's.yaml:5:24: found "a" again (first on line 2) at applications[1].deployments[0].name, wanted a name that no other has',
    ],
  ],
  [
    "an ingress that is not there",
    "applications:\n- ingress: b\n  deployments: [{name: a, model: a.onnx}]\n",
    ['s.yaml:2:12: found "b" at applications[0].ingress, wanted a deployment of this application: "a"'],
  ],
  [
    "a route of Shoal's own",
    "applications:\n- route_prefix: /v2/models\n  deployments: [{name: a, model: a.onnx}]\n",
    [
      's.yaml:2:17: found "/v2/models" at applications[0].route_prefix, wanted a route outside /v2, which is Shoal\'s own',
    ],
  ],
  [
    "two listeners on one port",
    `${deployment("name: a", "model: a.onnx")}\nhttp_options: {port: 8265}\n`,
    ["s.yaml:5:22: found the port 8265 of admin_options.port at http_options.port, wanted a port of its own"],
  ],
  [
    "limits that exclude each other, and one too low as text",
    `${deployment("name: a", "model: a.onnx")}\nhttp_options:\n  limits:\n    max_decompressed_bytes: 1MiB\n    max_header_bytes: 1KB\n`,
    [
      "s.yaml:7:29: found 1048576 bytes at http_options.limits.max_decompressed_bytes, wanted at least max_body_bytes, 67108864",
      "s.yaml:8:23: found 1000 bytes at http_options.limits.max_header_bytes, wanted at least 1024",
    ],
  ],
  [
    "a port, a level and a timeout out of range",
    `${deployment("name: a", "model: a.onnx", "request_timeout_s: 0")}\nhttp_options: {port: 65536}\nlogging_config: {log_level: loud}\n`,
    [
      "s.yaml:5:26: found 0 at applications[0].deployments[0].request_timeout_s, wanted a number from 0.001 to 2147483",
      "s.yaml:6:22: found 65536 at http_options.port, wanted a whole number from 0 to 65535",
      's.yaml:7:29: found "loud" at logging_config.log_level, wanted one of "trace", "debug", "info", "warn", "error", "fatal", "silent", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"',
    ],
  ],
  [
    "an impossible combination and a wrong type elsewhere, both at once",
    deployment("name: a", "num_replicas: 0", "batching: []"),
    [
      "s.yaml:3:7: found neither model nor module at applications[0].deployments[0], wanted one of them",
      "s.yaml:4:21: found 0 at applications[0].deployments[0].num_replicas, wanted a whole number from 1 to 1024, or auto",
      "s.yaml:5:17: found an empty list at applications[0].deployments[0].batching, wanted a map",
    ],
  ],
];

for (const [what, text, faults] of faulty) {
  test(`refused with its place: ${what}`, () => assert.deepEqual(faultsOf(text), faults));
}

test("routes: what is taken and what is not", () => {
  for (const route of ["/", "/a", "/a/b-c.d_e~f", "/.well-known", "/v2x"]) assert(fits(route), route);
  for (const route of [
    "",
    "a",
    "/a/",
    "//",
    "/a//b",
    "/{id}",
    "/:id",
    "/*",
    "/a b",
    "/..",
    "/a/./b",
    "/a?b",
    "/v2",
    "/-/x",
    "/é",
  ]) {
    assert(!fits(route), route);
  }
});

test("the file form, decoded, is the same config again", () => {
  for (const text of [
    FULL,
    deployment("name: a", "module: 'odd:name.ts'"),
    deployment("name: a", "model: a.bin", "engine: onnx"),
  ]) {
    const config = decoded(text);
    assert.deepEqual(decoded(JSON.stringify(toFileForm(config))), config);
    assert.deepEqual(decoded(stringify(toFileForm(config))), config);
  }
});

test("listeners that other machines can reach are named", () => {
  assert.deepEqual(exposedListeners(decoded(FULL)), [{ listener: "http", host: "0.0.0.0" }]);
  for (const host of ["localhost", "127.0.0.1", "127.8.8.8", "::1"]) assert(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.com", "example.com"])
    assert(!isLoopback(host), host);
});

test("the published JSON Schema is what the schema gives, and describes every key", () => {
  const path = new URL("../../controller/config/shoal.schema.json", import.meta.url);
  const published: unknown = JSON.parse(readFileSync(path, "utf8"));
  assert.deepEqual(
    published,
    configJsonSchema(),
    "run node controller/config/write-schema.ts and the formatter",
  );
  let keys = 0;
  JSON.stringify(published, (name, value: unknown) => {
    if (name !== "properties" || typeof value !== "object" || value === null) return value;
    for (const [key, schema] of Object.entries(value)) {
      keys++;
      const described = typeof schema === "object" && schema !== null && "description" in schema;
      assert(described, `${key} has no description`);
    }
    return value;
  });
  assert(keys > 50);
  assert.doesNotMatch(JSON.stringify(published), /x-wanted/);
});

test("a missing file is a fault, a missing model is not", async () => {
  const directory = await mkdtemp(join(tmpdir(), "shoal-serve-config-"));
  try {
    const path = join(directory, "shoal.yaml");
    await writeFile(path, deployment("name: a", "model: models/none.onnx"));
    const outcome = await loadConfig(path);
    assert(outcome.kind === "ok");
    const [application] = outcome.value.applications;
    assert.equal(application?.deployments[0]?.source.path, join(directory, "models/none.onnx"));
    const missing = await loadConfig(join(directory, "none.yaml"));
    assert(missing.kind === "faults");
    assert.equal(
      missing.faults.map(formatFault).join(),
      `${join(directory, "none.yaml")}:1:1: found no such file, wanted a readable file`,
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("a config changed at random is decoded or refused, never thrown at", () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom("1B", "a.onnx", "/", -1, 0, 1e300, "__proto__"));
  fc.assert(
    fc.property(fc.nat(), fc.nat(), value, (start, length, replacement) => {
      const from = start % FULL.length;
      const changed = FULL.slice(0, from) + JSON.stringify(replacement) + FULL.slice(from + (length % 40));
      const outcome = decodeConfig(changed, { file: "s.yaml" });
      if (outcome.kind === "faults") assert(outcome.faults.length > 0);
      else assert.deepEqual(decoded(JSON.stringify(toFileForm(outcome.value))), outcome.value);
    }),
    { numRuns: 1000 },
  );
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

for (const [what, lines, fault] of [
  [
    "an objective of nothing",
    ["autoscaling_config: { latency_slo_ms: 0 }"],
    /latency_slo_ms.*milliseconds above 0/,
  ],
  ["a share of nothing", ["tenants: { header: x, weights: { a: 0 } }"], /weights\.a.*above 0/],
  ["tenants that nobody names", ["tenants: { weights: { a: 1 } }"], /header/],
  ["a header that is none", ['tenants: { header: "x y" }'], /name of a header/],
  ["more copies than requests", ["hedging: { budget: 2 }"], /at most 1/],
] satisfies [string, string[], RegExp][]) {
  test(`${what} is refused`, () => {
    const faults = faultsOf(deployment("name: a", "model: a.onnx", ...lines));
    assert.equal(faults.length, 1);
    assert.match(faults[0] ?? "", fault);
  });
}

test("second copies are refused where a request may not run twice", () => {
  const module = ["name: a", "module: ./a.ts", "hedging: { budget: 0.02 }"];
  assert.match(faultsOf(deployment(...module))[0] ?? "", /hedging.*idempotent: true/);
  assert.deepEqual(faultsOf(deployment(...module, "idempotent: true")), []);
});
