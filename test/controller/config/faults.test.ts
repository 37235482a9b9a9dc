// What is refused, with its place, what was found and what is wanted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { deployment, faultsOf } from "./support.ts";

function fits(route: string): boolean {
  const deployments = [{ name: "a", model: "a.onnx" }];
  return faultsOf(JSON.stringify({ applications: [{ route_prefix: route, deployments }] })).length === 0;
}

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
