// A small ONNX writer: describe a graph with plain functions, get the bytes of an `.onnx` file. It is enough
// for the models of our benchmarks, examples and tests, and is no reader, checker or optimiser: onnxruntime
// says whether a graph makes sense when it loads it.
//
// 1. The same description always gives the same bytes, so that committed models can be made again.

import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { ATTRIBUTE_TYPES, DATA_LOCATION_EXTERNAL, modelProto, ONNX_DATATYPES } from "./onnx-schema.ts";

/** A datatype by its Open Inference Protocol name. */
export type OnnxDatatype = keyof typeof ONNX_DATATYPES;

/** An input or output of a graph; a string in `shape` is a symbolic dimension, such as `"batch"`. */
export interface OnnxValue {
  readonly name: string;
  readonly datatype: OnnxDatatype;
  readonly shape: readonly (number | string)[];
}

/** A constant of a graph: little-endian elements as any typed array, or strings for BYTES. */
export interface OnnxTensor {
  readonly name: string;
  readonly datatype: OnnxDatatype;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView | readonly string[];
}

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly tensor: OnnxTensor };

export interface OnnxNode {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxGraph {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly initializers?: readonly OnnxTensor[];
  /** Version of the default operator set; 17 by default. */
  readonly opset?: number;
}

/** An input or output: `value("input", "FP32", ["batch", 784])`. */
export function value(name: string, datatype: OnnxDatatype, shape: readonly (number | string)[]): OnnxValue {
  return { name, datatype, shape };
}

/** An FP32 constant of the given dimensions. */
export function weights(name: string, dims: readonly number[], data: Float32Array): OnnxTensor {
  return { name, datatype: "FP32", dims, data };
}

/** An operation: `node("Gemm", { inputs: ["x", "w", "b"], outputs: ["y"] })`. */
export function node(
  opType: string,
  edges: Pick<OnnxNode, "inputs" | "outputs">,
  attributes: OnnxNode["attributes"] = {},
): OnnxNode {
  return { opType, inputs: edges.inputs, outputs: edges.outputs, attributes };
}

/** The bytes of the `.onnx` file of a graph. */
export function encodeModel(graph: OnnxGraph): Uint8Array {
  return encode(graph, encodeTensor);
}

/** Writes the `.onnx` file of a graph. */
export async function writeModel(path: string, graph: OnnxGraph): Promise<void> {
  await writeFile(path, encodeModel(graph));
}

/** Writes a graph with its initialisers' bytes in a second file beside the model (ONNX external data). */
export async function writeModelWithExternalData(path: string, graph: OnnxGraph): Promise<void> {
  const location = `${basename(path)}.data`;
  const chunks: Uint8Array[] = [];
  let offset = 0;
  const model = encode(graph, (tensor) => {
    const bytes = rawBytes(tensor);
    if (bytes === undefined) return encodeTensor(tensor);
    chunks.push(bytes);
    const entries = { location, offset: String(offset), length: String(bytes.byteLength) };
    offset += bytes.byteLength;
    return {
      ...describeTensor(tensor),
      dataLocation: DATA_LOCATION_EXTERNAL,
      externalData: Object.entries(entries).map(([key, text]) => ({ key, value: text })),
    };
  });
  await writeFile(`${path}.data`, Buffer.concat(chunks));
  await writeFile(path, model);
}

function encode(graph: OnnxGraph, encodeInitializer: (tensor: OnnxTensor) => object): Uint8Array {
  const message = modelProto.create({
    irVersion: 8,
    producerName: "shoal",
    opsetImport: [{ domain: "", version: graph.opset ?? 17 }],
    graph: {
      name: graph.name,
      input: graph.inputs.map(encodeValue),
      output: graph.outputs.map(encodeValue),
      initializer: (graph.initializers ?? []).map(encodeInitializer),
      node: graph.nodes.map((entry, index) => ({
        name: `${entry.opType}_${index}`,
        opType: entry.opType,
        input: entry.inputs,
        output: entry.outputs,
        attribute: Object.entries(entry.attributes).map(([name, attribute]) =>
          encodeAttribute(name, attribute),
        ),
      })),
    },
  });
  return modelProto.encode(message).finish();
}

function encodeValue({ name, datatype, shape }: OnnxValue): object {
  const dim = shape.map((size) => (typeof size === "number" ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: ONNX_DATATYPES[datatype], shape: { dim } } } };
}

function describeTensor({ name, datatype, dims }: OnnxTensor): object {
  return { name, dataType: ONNX_DATATYPES[datatype], dims };
}

/** The elements of a tensor as they lie in the file; undefined for strings, which have a field of their own. */
function rawBytes({ data }: OnnxTensor): Uint8Array | undefined {
  if (!ArrayBuffer.isView(data)) return undefined;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function encodeTensor(tensor: OnnxTensor): object {
  const { data } = tensor;
  if (ArrayBuffer.isView(data)) return { ...describeTensor(tensor), rawData: rawBytes(tensor) };
  return { ...describeTensor(tensor), stringData: data.map((text) => Buffer.from(text)) };
}

function encodeAttribute(name: string, attribute: OnnxAttribute): object {
  if ("int" in attribute) return { name, type: ATTRIBUTE_TYPES.int, i: attribute.int };
  if ("float" in attribute) return { name, type: ATTRIBUTE_TYPES.float, f: attribute.float };
  if ("text" in attribute) return { name, type: ATTRIBUTE_TYPES.text, s: Buffer.from(attribute.text) };
  if ("ints" in attribute) return { name, type: ATTRIBUTE_TYPES.ints, ints: attribute.ints };
  if ("floats" in attribute) return { name, type: ATTRIBUTE_TYPES.floats, floats: attribute.floats };
  return { name, type: ATTRIBUTE_TYPES.tensor, t: encodeTensor(attribute.tensor) };
}
