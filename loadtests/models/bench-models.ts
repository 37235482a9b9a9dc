// The four models of `npm run bench`: what moves bytes only, what is small, what is wide, what convolves.
// They are made when they are needed, never committed; the same seed gives the same files.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  node,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
  value,
  weights,
  writeModel,
} from "./onnx-model.ts";
import { normals, seededRandom } from "./random.ts";
import { residualNet } from "./residual-net.ts";

const SEED = 20_261_120;

/** What a client must know to send a benchmark model a request. */
export interface BenchModel {
  /** Deployment and file name. */
  readonly name: string;
  readonly title: string;
  /** Shape of one row of the one input, `input`, which is FP32. */
  readonly rowShape: readonly number[];
  /** Elements of one row of the one output, `output`, which is FP32. */
  readonly outputElements: number;
  readonly graph: () => OnnxGraph;
}

const IDENTITY_ELEMENTS = 16;

export const BENCH_MODELS: Readonly<Record<"identity" | "mlp" | "wide" | "resnet", BenchModel>> = {
  identity: {
    name: "identity",
    title: "identity",
    rowShape: [IDENTITY_ELEMENTS],
    outputElements: IDENTITY_ELEMENTS,
    graph: identity,
  },
  mlp: {
    name: "mlp",
    title: "784→256→10",
    rowShape: [784],
    outputElements: 10,
    graph: () => mlp([784, 256, 10]),
  },
  wide: {
    name: "wide",
    title: "784→2048→2048→10",
    rowShape: [784],
    outputElements: 10,
    graph: () => mlp([784, 2048, 2048, 10]),
  },
  resnet: {
    name: "resnet",
    title: "ResNet-18-shaped",
    rowShape: [3, 224, 224],
    outputElements: 1000,
    graph: () => residualNet(SEED),
  },
};

/** `input` FP32 [batch,n] → `output`, the same; n is free. */
export function identity(): OnnxGraph {
  return {
    name: "identity",
    inputs: [value("input", "FP32", ["batch", "n"])],
    outputs: [value("output", "FP32", ["batch", "n"])],
    nodes: [node("Identity", { inputs: ["input"], outputs: ["output"] })],
  };
}

/** Fully connected layers of the given widths with ReLU between: `input` FP32 [batch,first] → `output`. */
export function mlp(widths: readonly number[]): OnnxGraph {
  const random = seededRandom(SEED);
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const last = widths.length - 2;
  let input = "input";
  widths.slice(1).forEach((to, layer) => {
    const from = widths[layer] ?? to;
    initializers.push(
      weights(`w${layer}`, [from, to], normals(random, from * to, Math.sqrt(2 / from))),
      weights(`b${layer}`, [to], normals(random, to, 0.01)),
    );
    const output = layer === last ? "output" : `h${layer}`;
    nodes.push(node("Gemm", { inputs: [input, `w${layer}`, `b${layer}`], outputs: [output] }));
    if (layer !== last) nodes.push(node("Relu", { inputs: [output], outputs: [`r${layer}`] }));
    input = `r${layer}`;
  });
  return {
    name: `mlp-${widths.join("-")}`,
    inputs: [value("input", "FP32", ["batch", widths[0] ?? 1])],
    outputs: [value("output", "FP32", ["batch", widths.at(-1) ?? 1])],
    nodes,
    initializers,
  };
}

/** Writes `<name>.onnx` of the given models into `folder`, all four by default; gives the path of each. */
export async function writeBenchModels(
  folder: string,
  models: readonly BenchModel[] = Object.values(BENCH_MODELS),
): Promise<Map<string, string>> {
  await mkdir(folder, { recursive: true });
  const paths = new Map<string, string>();
  for (const model of models) {
    const path = join(folder, `${model.name}.onnx`);
    await writeModel(path, model.graph());
    paths.set(model.name, path);
  }
  return paths;
}
