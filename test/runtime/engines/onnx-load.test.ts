// Loading .onnx files: signatures, options, warm-up, and every way a model can be refused.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type EngineSpec, engineForPath, loadEngine } from "../../../runtime/engines/index.ts";
import { cleanMessage } from "../../../runtime/engines/onnx-errors.ts";
import { readOnnxOptions } from "../../../runtime/engines/onnx-options.ts";
import { FIXTURES, Folder, never, onnxSpec, open } from "./support.ts";

const fails = (spec: EngineSpec, code: string, message: string | RegExp) =>
  assert.rejects(loadEngine(spec, never), { code, message });

test("a signature has -1 for what varies", async () => {
  await using engine = await open(onnxSpec("add-sub.onnx"));
  const [input] = engine.signature.inputs;
  assert.deepEqual(input, { name: "INPUT0", datatype: "INT32", shape: [-1, 16] });
  assert.equal(engine.signature.platform, "onnxruntime_onnx");
});

for (const [file, batchable] of [
  ["add-sub.onnx", true],
  ["fixed.onnx", false],
  ["scalar.onnx", false],
  ["no-shape.onnx", false],
  ["nonzero.onnx", false], // its dimensions have different names: n in, found out
] as const) {
  test(`${file} is ${batchable ? "" : "not "}batchable (onnx-signature 1)`, async () => {
    await using engine = await open(onnxSpec(file));
    assert.equal(engine.signature.batchable, batchable);
  });
}

test("the user's word on batchable wins where dimension 0 may vary, and only there", async () => {
  await using on = await open(onnxSpec("nonzero.onnx", { options: { batchable: true } }));
  assert.equal(on.signature.batchable, true);
  await using off = await open(onnxSpec("add-sub.onnx", { options: { batchable: false } }));
  assert.equal(off.signature.batchable, false);
  const wrong = /"engine_options.batchable" of deployment "demo": found "x" with shape \[2,3\]/;
  await fails(onnxSpec("fixed.onnx", { options: { batchable: true } }), "INVALID_CONFIG", wrong);
});

test("an unknown rank is told from a scalar", async () => {
  await using scalar = await open(onnxSpec("scalar.onnx"));
  assert.deepEqual(scalar.signature.inputs, [{ name: "x", datatype: "FP32", shape: [] }]);
  await using unknown = await open(onnxSpec("no-shape.onnx"));
  assert.deepEqual(unknown.signature.inputs, [{ name: "x", datatype: "FP32", shape: [], anyShape: true }]);
});

test("a named dimension can be given a size", async () => {
  await using engine = await open(
    onnxSpec("add-sub.onnx", { options: { free_dimension_overrides: { n: 4 } } }),
  );
  assert.deepEqual(engine.signature.inputs[0]?.shape, [4, 16]);
  const options = { free_dimension_overrides: { m: 4 } };
  await fails(onnxSpec("add-sub.onnx", { options }), "INVALID_CONFIG", /overrides\.m" .* wanted one of n$/);
});

function threads(numCpus: number): unknown[] {
  const { session } = readOnnxOptions(onnxSpec("fixed.onnx", { numCpus }));
  return [session.intraOpNumThreads, session.interOpNumThreads];
}

test("threads come from the replica's CPUs (onnx-options 1)", () => {
  assert.deepEqual([0.25, 1, 2.9, 8].map(threads), [
    [1, 1],
    [1, 1],
    [2, 1],
    [8, 1],
  ]);
});

test("every option is taken by ONNX Runtime", async () => {
  const options = {
    execution_providers: ["cpu"],
    intra_op_num_threads: 2,
    inter_op_num_threads: 2,
    graph_optimization_level: "basic",
    execution_mode: "parallel",
    enable_cpu_mem_arena: false,
    enable_mem_pattern: false,
    log_severity_level: 3,
    free_dimension_overrides: null,
    session_options: { "session.set_denormal_as_zero": true, "session.intra_op.allow_spinning": "0" },
  };
  await using engine = await open(onnxSpec("fixed.onnx", { options }));
  assert.equal(await engine.warmUp(), undefined);
});

for (const [options, message] of [
  [
    { threads: 2 },
    /"engine_options.threads" of deployment "demo": found an unknown key, wanted one of execution_/,
  ],
  [{ execution_providers: ["cpu", "abacus"] }, /found "abacus", wanted some of cpu/],
  [{ execution_providers: "cpu" }, /found "cpu", wanted a list of at least one name/],
  [{ intra_op_num_threads: 0 }, /intra_op_num_threads".*found 0, wanted a whole number from 1/],
  [{ graph_optimization_level: "most" }, /found "most", wanted one of disabled, basic, extended, all/],
  [{ enable_mem_pattern: 1 }, /found 1, wanted true or false/],
  [{ log_severity_level: 7 }, /found 7, wanted a whole number from 0 \(verbose\) to 4/],
  [{ session_options: { a: [] } }, /wanted a map of names to a text, a number or a flag/],
] as const) {
  test(`wrong options are refused: ${JSON.stringify(options)}`, async () => {
    await fails(onnxSpec("fixed.onnx", { options }), "INVALID_CONFIG", message);
  });
}

test("a session option ORT refuses is told without its source paths", async () => {
  const options = {
    intra_op_num_threads: 2,
    session_options: { "session.intra_op_thread_affinities": "junk" },
  };
  const message =
    'Cannot load model "fixed.onnx" of deployment "demo": onnxruntime refused it: Processor id must consist of only digits: junk';
  await fails(onnxSpec("fixed.onnx", { options }), "MODEL_LOAD_FAILED", message);
});

for (const [what, content, message] of [
  ["corrupt", "this is no model at all", /"m\.onnx" of deployment "demo": found a corrupt or cut-off file/],
  [
    "cut off",
    readFileSync(join(FIXTURES, "add-sub.onnx")).subarray(0, 100),
    /found a corrupt or cut-off file/,
  ],
  ["empty", "", /found an empty file, wanted an \.onnx file$/],
] as const) {
  test(`a ${what} file is named`, async () => {
    using folder = new Folder();
    const path = folder.write("m.onnx", content);
    await fails(onnxSpec("", { path }), "MODEL_LOAD_FAILED", message);
  });
}

test("a missing file, and a folder, are named without their place", async () => {
  using folder = new Folder();
  const missing = 'Cannot load model "m.onnx" of deployment "demo": found no such file, wanted an .onnx file';
  await fails(onnxSpec("", { path: join(folder.path, "m.onnx") }), "MODEL_LOAD_FAILED", missing);
  await fails(onnxSpec("", { path: folder.path }), "MODEL_LOAD_FAILED", /found a folder/);
});

test("missing external data is named (onnx 1)", async () => {
  using folder = new Folder();
  const path = folder.write("m.onnx", readFileSync(join(FIXTURES, "external.onnx")));
  await fails(
    onnxSpec("", { path }),
    "MODEL_LOAD_FAILED",
    /found no file "external\.data", wanted it beside/,
  );
  const data = readFileSync(join(FIXTURES, "external.data"));
  folder.write("external.data", data.subarray(0, 100));
  await fails(
    onnxSpec("", { path }),
    "MODEL_LOAD_FAILED",
    new RegExp(`found "external\\.data" with 100 bytes, wanted ${data.byteLength}: its weights`),
  );
  folder.write("external.data", data);
  await using engine = await open(onnxSpec("", { path }));
  assert.equal(engine.signature.batchable, true);
});

for (const location of ["../other.data", "/etc/hostname"]) {
  test(`external data outside of the model's folder is refused: ${location}`, async () => {
    using folder = new Folder();
    // As long as the name in its place, so that no length in the file changes.
    const model = readFileSync(join(FIXTURES, "external.onnx"), "latin1").replace("external.data", location);
    const path = folder.write("m.onnx", Buffer.from(model, "latin1"));
    await fails(
      onnxSpec("", { path }),
      "MODEL_LOAD_FAILED",
      /its weights are kept in "[^"]+" \(external data\), wanted a file in the model's folder/,
    );
  });
}

for (const [file, message] of [
  ["identity-bf16.onnx", /its input "x" is BFLOAT16, which is not supported by onnxruntime-node/],
  ["sequence.onnx", /its input "pieces" is of the kind sequence, which is not supported/],
  ["optional.onnx", /its input "maybe" is of the kind optional, which is not supported/],
] as const) {
  test(`${file} is refused by the name of its input`, async () => {
    await fails(onnxSpec(file), "MODEL_LOAD_FAILED", message);
  });
}

test("warm-up that the model cannot take is a warning", async () => {
  await using engine = await open(onnxSpec("demanding.onnx"));
  assert.match((await engine.warmUp()) ?? "", /^Skipped the warm-up: .*cannot be reshaped/);
});

for (const file of ["add-sub.onnx", "fixed.onnx", "scalar.onnx", "identity-bytes.onnx", "gather.onnx"]) {
  test(`warm-up of ${file}`, async () => {
    await using engine = await open(onnxSpec(file, { maxBatchSize: 32 }));
    assert.equal(await engine.warmUp(), undefined);
  });
}

test("loading stops when nobody waits for it", async () => {
  await assert.rejects(loadEngine(onnxSpec("fixed.onnx"), AbortSignal.abort()), { code: "CANCELLED" });
});

test("an unknown engine is refused; extensions choose engines", async () => {
  await fails(
    onnxSpec("fixed.onnx", { engine: "abacus" }),
    "INVALID_CONFIG",
    /engine "abacus", wanted one of onnx/,
  );
  const paths = ["a/B.ONNX", "x.ts", "x.mjs", "x.cjs", "x.pt", "onnx"];
  assert.deepEqual(paths.map(engineForPath), ["onnx", "module", "module", "module", undefined, undefined]);
});

for (const [message, wanted] of [
  [
    "Load model from /m/x.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:187 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::logging::Logger&, const onnxruntime::ModelOptions&) ModelProto does not have a graph.\n",
    "ModelProto does not have a graph.",
  ],
  [
    "/o/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const C&)::<lambda()> a.status == B::Success was false. Failed to get an adapter",
    "Failed to get an adapter",
  ],
  [
    "/o/t.cc:71 std::vector<std::vector<int> > onnxruntime::Read(const std::string&) std::all_of(s.begin()) was false. Only digits",
    "Only digits",
  ],
  [
    'External data path validation failed for initializer: bias. Error: utils.cc:461 ValidateDir Path does not exist: "/m/e.data"',
    'External data path validation failed for initializer: bias. Error: Path does not exist: "e.data"',
  ],
  ["words with no source in them", "words with no source in them"],
] as const) {
  test(`ORT's words are kept, its sources dropped: ${wanted}`, () => {
    assert.equal(cleanMessage(new Error(message), "/m/x.onnx"), wanted);
  });
}
