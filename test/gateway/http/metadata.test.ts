// V2 beside infer: metadata, health, the repository, statistics, and which methods there are.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ask, FakeDeployment, good, identity, INFER, open, openSimple } from "./support.ts";

describe("metadata, health, repository, statistics", () => {
  const paths = {
    "/v2": {
      name: "shoal",
      version: "0.1.0",
      extensions: ["binary_tensor_data", "model_repository", "statistics"],
    },
    "/v2/": {
      name: "shoal",
      version: "0.1.0",
      extensions: ["binary_tensor_data", "model_repository", "statistics"],
    },
    "/v2/health/live": { live: true },
    "/v2/health/ready": { ready: true },
    "/v2/models": { models: ["simple"] },
    "/v2/models/simple/ready": { name: "simple", ready: true },
    "/v2/models/simple/versions/1/ready": { name: "simple", ready: true },
    "/v2/models/simple": {
      name: "simple",
      versions: ["1"],
      platform: "fake",
      inputs: [
        { name: "INPUT0", datatype: "INT32", shape: [-1, 4] },
        { name: "INPUT1", datatype: "INT32", shape: [-1, 4] },
      ],
      outputs: [
        { name: "OUTPUT0", datatype: "INT32", shape: [-1, 4] },
        { name: "OUTPUT1", datatype: "INT32", shape: [-1, 4] },
      ],
    },
  };

  for (const [path, wanted] of Object.entries(paths)) {
    test(`GET and HEAD ${path}`, async () => {
      await using door = await openSimple();
      const get = await ask(door, `GET ${path}`);
      assert.equal(get.status, 200);
      assert.match(get.headers["content-type"] ?? "", /^application\/json/);
      assert.deepEqual(JSON.parse(get.body.toString()), wanted);
      const head = await ask(door, `HEAD ${path}`);
      assert.equal(head.status, 200);
      assert.equal(head.headers["content-length"], String(get.body.byteLength));
    });
  }

  test("names in the path come quoted", async () => {
    const name = "a b/ü%";
    await using door = await open([new FakeDeployment(name, identity("FP32"))]);
    const { body } = await ask(door, `GET /v2/models/${encodeURIComponent(name)}`);
    assert.equal((JSON.parse(body.toString()) as { name: string }).name, name);
  });

  test("a deployment that is not ready is 503, and so is the server", async () => {
    await using door = await openSimple();
    door.simple.ready = false;
    for (const [path, wanted] of [
      ["/v2/health/ready", { ready: false }],
      ["/v2/models/simple/ready", { name: "simple", ready: false }],
    ] as const) {
      const { status, body } = await ask(door, `GET ${path}`);
      assert.equal(status, 503);
      assert.deepEqual(JSON.parse(body.toString()), wanted);
    }
    assert.equal((await ask(door, "GET /v2/health/live")).status, 200);
  });

  test("the repository index has every model with its state; ready ones only when asked", async () => {
    const loading = new FakeDeployment("loading", undefined);
    loading.ready = false;
    loading.status = { state: "UPDATING", message: "loading" };
    const failed = new FakeDeployment("failed", undefined);
    failed.ready = false;
    failed.status = { state: "DEPLOY_FAILED", message: "cannot load /srv/models/net.onnx" };
    await using door = await open([new FakeDeployment("good", identity("FP32")), loading, failed]);
    const index = async (body: string): Promise<unknown> =>
      JSON.parse((await ask(door, "POST /v2/repository/index", { body })).body.toString());
    const ready = { name: "good", version: "1", state: "READY", reason: "" };
    for (const body of ["", "{}", '{"ready":false}']) {
      assert.deepEqual(await index(body), [
        ready,
        { name: "loading", version: "1", state: "LOADING", reason: "loading" },
        { name: "failed", version: "1", state: "UNAVAILABLE", reason: "cannot load <path>" },
      ]);
    }
    assert.deepEqual(await index('{"ready":true}'), [ready]);
    assert.deepEqual(await index('{"ready":1}'), {
      error: "Cannot read the request: found ready 1, wanted true or false",
      code: "INVALID_ARGUMENT",
    });
  });

  test("statistics count what was answered, by model and for all", async () => {
    await using door = await openSimple();
    for (let time = 0; time < 3; time++) await ask(door, INFER, { body: good });
    for (const path of [
      "/v2/models/stats",
      "/v2/models/simple/stats",
      "/v2/models/simple/versions/1/stats",
    ]) {
      const { body } = await ask(door, `GET ${path}`);
      const {
        model_stats: [stats, second],
      } = JSON.parse(body.toString()) as { model_stats: Stats[] };
      assert.equal(second, undefined);
      assert.equal(stats?.name, "simple");
      assert.equal(stats.inference_count, 3);
      assert.equal(stats.execution_count, 3);
      assert.equal(stats.inference_stats.success.count, 3);
      assert.equal(stats.inference_stats.compute_infer.ns, 30_000);
      assert.deepEqual(
        stats.batch_stats.map(({ batch_size }) => batch_size),
        [1],
      );
    }
  });
});

interface Stats {
  readonly name: string;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<"success" | "compute_infer", { count: number; ns: number }>>;
  readonly batch_stats: readonly { readonly batch_size: number }[];
}

describe("methods", () => {
  for (const [path, allowed] of [
    ["/v2/models/simple/infer", "POST, OPTIONS"],
    ["/v2/models/simple", "GET, HEAD, OPTIONS"],
    ["/openapi.json", "GET, HEAD, OPTIONS"],
  ] as const) {
    test(`OPTIONS ${path} says ${allowed}, and so does a refusal`, async () => {
      await using door = await openSimple();
      const options = await ask(door, `OPTIONS ${path}`);
      assert.equal(options.status, 204);
      assert.equal(options.headers["allow"], allowed);
      const refused = await ask(door, `PATCH ${path}`);
      assert.equal(refused.status, 405);
      assert.equal(refused.headers["allow"], allowed);
    });
  }

  test("a method that no path has is refused with those there are, each once", async () => {
    await using door = await openSimple();
    const { status, headers } = await ask(door, "TRACE /v2");
    assert.equal(status, 405);
    assert.equal(headers["allow"], "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  });
});
