// A convolutional net with the layers of ResNet-18 (He et al. 2015, table 1) and random weights: the cost of a
// real image classifier without its training. Batch normalisation is left out, as it is in any exported
// model, where it is folded into the convolutions.

import { node, type OnnxGraph, type OnnxNode, type OnnxTensor, value, weights } from "./onnx-model.ts";
import { normals, type Random, seededRandom } from "./random.ts";

const STAGE_CHANNELS = [64, 128, 256, 512] as const;
const CLASSES = 1000;

interface ConvolutionShape {
  readonly from: number;
  readonly to: number;
  readonly kernel: number;
  readonly stride: number;
  /** Scale of the weights: below one on residual branches, so that sums do not grow with depth. */
  readonly gain: number;
}

class ResidualNetBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Adds a convolution; the name of its output is `name`. */
  convolution(name: string, input: string, shape: ConvolutionShape): string {
    const { from, to, kernel, stride, gain } = shape;
    const fanIn = from * kernel * kernel;
    const deviation = gain * Math.sqrt(2 / fanIn);
    const dims = [to, from, kernel, kernel];
    this.initializers.push(
      weights(`${name}.weight`, dims, normals(this.#random, to * fanIn, deviation)),
      weights(`${name}.bias`, [to], new Float32Array(to)),
    );
    const pad = (kernel - 1) / 2;
    const edges = { inputs: [input, `${name}.weight`, `${name}.bias`], outputs: [name] };
    this.nodes.push(
      node("Conv", edges, {
        kernel_shape: { ints: [kernel, kernel] },
        strides: { ints: [stride, stride] },
        pads: { ints: [pad, pad, pad, pad] },
      }),
    );
    return name;
  }

  relu(input: string): string {
    this.nodes.push(node("Relu", { inputs: [input], outputs: [`${input}.relu`] }));
    return `${input}.relu`;
  }

  /** Two 3×3 convolutions and the way around them, which is a 1×1 convolution where the shape changes. */
  block(name: string, input: string, shape: { from: number; to: number; stride: number }): string {
    const { from, to, stride } = shape;
    const first = this.convolution(`${name}.conv1`, input, { from, to, kernel: 3, stride, gain: 1 });
    const second = this.convolution(`${name}.conv2`, this.relu(first), {
      from: to,
      to,
      kernel: 3,
      stride: 1,
      gain: 0.3,
    });
    const around =
      stride === 1 && from === to
        ? input
        : this.convolution(`${name}.around`, input, { from, to, kernel: 1, stride, gain: 0.7 });
    this.nodes.push(node("Add", { inputs: [second, around], outputs: [`${name}.sum`] }));
    return this.relu(`${name}.sum`);
  }

  classifier(input: string, features: number): void {
    const matrix = normals(this.#random, features * CLASSES, Math.sqrt(1 / features));
    this.initializers.push(
      weights("classifier.weight", [features, CLASSES], matrix),
      weights("classifier.bias", [CLASSES], new Float32Array(CLASSES)),
    );
    this.nodes.push(
      node("GlobalAveragePool", { inputs: [input], outputs: ["pooled"] }),
      node("Flatten", { inputs: ["pooled"], outputs: ["features"] }, { axis: { int: 1 } }),
      node("Gemm", {
        inputs: ["features", "classifier.weight", "classifier.bias"],
        outputs: ["output"],
      }),
    );
  }
}

/** `input` FP32 [batch,3,224,224] → `output` FP32 [batch,1000]: 11.7 million weights, 1.8 billion multiply-adds. */
export function residualNet(seed: number): OnnxGraph {
  const builder = new ResidualNetBuilder(seededRandom(seed));
  const stem = { from: 3, to: 64, kernel: 7, stride: 2, gain: 1 };
  const stemOutput = builder.relu(builder.convolution("stem", "input", stem));
  builder.nodes.push(
    node(
      "MaxPool",
      { inputs: [stemOutput], outputs: ["stem.pooled"] },
      { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] }, pads: { ints: [1, 1, 1, 1] } },
    ),
  );
  let last = "stem.pooled";
  let from = 64;
  for (const [stage, to] of STAGE_CHANNELS.entries()) {
    const stride = stage === 0 ? 1 : 2;
    last = builder.block(`stage${stage + 1}.block1`, last, { from, to, stride });
    last = builder.block(`stage${stage + 1}.block2`, last, { from: to, to, stride: 1 });
    from = to;
  }
  builder.classifier(last, from);
  return {
    name: "residual-net",
    inputs: [value("input", "FP32", ["batch", 3, 224, 224])],
    outputs: [value("output", "FP32", ["batch", CLASSES])],
    nodes: builder.nodes,
    initializers: builder.initializers,
  };
}
