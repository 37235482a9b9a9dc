// Writes `simple.onnx`: INPUT0, INPUT1 INT32 [-1,16] → OUTPUT0 their sum, OUTPUT1 their difference; the
// signature that the quick starts of V2 servers use. Run it with `node examples/simple/make-model.ts`; the
// file is committed, and making it again gives the same bytes.

import { join } from "node:path";
import { node, value, writeModel } from "../../loadtests/models/onnx-model.ts";

const inputs = ["INPUT0", "INPUT1"];
const shape = ["batch", 16];

await writeModel(join(import.meta.dirname, "simple.onnx"), {
  name: "simple",
  inputs: inputs.map((name) => value(name, "INT32", shape)),
  outputs: ["OUTPUT0", "OUTPUT1"].map((name) => value(name, "INT32", shape)),
  nodes: [node("Add", { inputs, outputs: ["OUTPUT0"] }), node("Sub", { inputs, outputs: ["OUTPUT1"] })],
});
