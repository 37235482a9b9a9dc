// What an ONNX model takes and gives, from the metadata of its session.
//
// 1. `batchable` only when dimension 0 of every input and output may vary and nothing says that it means
//    different things: where dimensions are named, all names must be one name. A batch joined along an axis
//    that is no batch axis would give wrong answers; not batching is only slower, and `batchable: true` in
//    `engine_options` is there for exporters that name one axis twice.

import type { InferenceSession } from "onnxruntime-node";
import { ShoalError } from "../base/index.ts";
import type { EngineSpec, Signature, SignatureTensor } from "./engine.ts";
import { loadFailure, unsupported } from "./onnx-errors.ts";
import { readOnnxFile } from "./onnx-file.ts";
import type { OnnxOptions } from "./onnx-options.ts";
import { datatypeOf } from "./onnx-tensors.ts";

type Metadata = InferenceSession.ValueMetadata;
type Side = "input" | "output";

/** Throws MODEL_LOAD_FAILED naming an input or output that cannot be served. */
export function readSignature(session: InferenceSession, spec: EngineSpec, options: OnnxOptions): Signature {
  const { inputMetadata, outputMetadata } = session;
  checkOverrides([...inputMetadata, ...outputMetadata], spec, options);
  const rankless = ranklessNames([...inputMetadata, ...outputMetadata], spec.path);
  const read = (side: Side) => (value: Metadata) => {
    const tensor = readTensor(side, value, { spec, options });
    return rankless.has(value.name) ? { ...tensor, anyShape: true } : tensor;
  };
  const inputs = inputMetadata.map(read("input"));
  const outputs = outputMetadata.map(read("output"));
  const batchable = isBatchable([...inputMetadata, ...outputMetadata], [...inputs, ...outputs], options);
  return {
    inputs,
    outputs,
    batchable: checkedBatchable(batchable, [...inputs, ...outputs], { spec, options }),
    platform: "onnxruntime_onnx",
  };
}

interface Context {
  readonly spec: EngineSpec;
  readonly options: OnnxOptions;
}

function readTensor(side: Side, value: Metadata, { spec, options }: Context): SignatureTensor {
  if (!value.isTensor) {
    const file = readOnnxFile(spec.path);
    const kind = [...(file?.inputs ?? []), ...(file?.outputs ?? [])].find(
      ({ name }) => name === value.name,
    )?.kind;
    throw loadFailure(
      spec,
      unsupported(side, value.name, kind === undefined ? "no tensor" : `of the kind ${kind}`),
    );
  }
  const datatype = datatypeOf(value.type);
  if (datatype === undefined)
    throw loadFailure(spec, unsupported(side, value.name, value.type.toUpperCase()));
  const shape = value.shape.map((size) =>
    typeof size === "number" ? size : (options.freeDimensions[size] ?? -1),
  );
  return { name: value.name, datatype, shape };
}

/** Names of the values whose rank the model leaves open; ORT gives them and scalars the same empty shape. */
function ranklessNames(values: readonly Metadata[], path: string): Set<string> {
  const unclear = values.filter((value) => value.isTensor && value.shape.length === 0);
  if (unclear.length === 0) return new Set();
  const file = readOnnxFile(path);
  const known = [...(file?.inputs ?? []), ...(file?.outputs ?? [])];
  return new Set(known.filter(({ hasShape }) => !hasShape).map(({ name }) => name));
}

/** Invariant 1. */
function isBatchable(
  values: readonly Metadata[],
  tensors: readonly SignatureTensor[],
  options: OnnxOptions,
): boolean {
  if (!tensors.every(({ shape }) => shape[0] === -1)) return false;
  if (options.batchable !== undefined) return options.batchable;
  const names = new Set(values.map((value) => (value.isTensor ? value.shape[0] : "")));
  names.delete("");
  return names.size <= 1;
}

function checkedBatchable(
  batchable: boolean,
  tensors: readonly SignatureTensor[],
  { spec, options }: Context,
): boolean {
  if (options.batchable !== true || batchable) return batchable;
  const fixed = tensors.find(({ shape }) => shape[0] !== -1);
  throw new ShoalError(
    "INVALID_CONFIG",
    `Cannot use "engine_options.batchable" of deployment "${spec.deployment}": found "${fixed?.name}" with shape [${fixed?.shape.join(",")}], wanted an outermost dimension that may vary in every input and output`,
  );
}

function checkOverrides(values: readonly Metadata[], spec: EngineSpec, options: OnnxOptions): void {
  const named = new Set<string | number>(values.flatMap((value) => (value.isTensor ? value.shape : [])));
  const unknown = Object.keys(options.freeDimensions).find((name) => !named.has(name));
  if (unknown === undefined) return;
  const known = [...named].filter((name) => typeof name === "string" && name !== "");
  throw new ShoalError(
    "INVALID_CONFIG",
    `Cannot use "engine_options.free_dimension_overrides.${unknown}" of deployment "${spec.deployment}": found no dimension of that name, wanted one of ${known.join(", ") || "none, the model names no dimension"}`,
  );
}
