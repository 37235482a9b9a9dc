import assert from "node:assert/strict";
import { test } from "node:test";
import { ENCODINGS, inferRequest } from "../../loadtests/bench/bodies.ts";
import { startDoor, startRawLoop } from "../../loadtests/bench/processes.ts";
import { BENCH_MODELS } from "../../loadtests/models/bench-models.ts";

test("the door answers every request of the benchmark in the shape of V2", async () => {
  await using door = await startDoor();
  const { host, port } = door.target;
  for (const model of [BENCH_MODELS.identity, BENCH_MODELS.mlp]) {
    for (const encoding of ENCODINGS) {
      const { path, method, headers = {}, body } = inferRequest(model, encoding);
      const response = await fetch(`http://${host}:${port}${path}`, {
        method,
        headers: Object.entries(headers).map(([name, text]): [string, string] => [name, String(text)]),
        body: new Uint8Array(Buffer.from(body ?? "")),
      });
      assert.equal(response.status, 200);
      const bytes = Buffer.from(await response.arrayBuffer());
      const length = response.headers.get("inference-header-content-length");
      assert.equal(length !== null, encoding === "binary");
      const answer: unknown = JSON.parse(bytes.toString("utf8", 0, Number(length ?? bytes.length)));
      assert.partialDeepStrictEqual(answer, {
        model_name: model.name,
        outputs: [{ name: "output", datatype: "FP32", shape: [1, model.outputElements] }],
      });
      if (length !== null) assert.equal(bytes.length, Number(length) + 4 * model.outputElements);
    }
  }
});

test("a raw loop that cannot load its model says so", async () => {
  await using rawLoop = await startRawLoop();
  const question = { path: "/nowhere/model.onnx", rowShape: [1], batch: 1, threads: 1, durationMs: 1 };
  await assert.rejects(rawLoop.ask(question), /model\.onnx/);
});
