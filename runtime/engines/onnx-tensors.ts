// Our tensors ↔ those of onnxruntime-node, both ways as views on the same memory.
//
// 1. Nothing fixed-size is copied here, but for a misaligned input once. ORT itself copies outputs out of its
//    arena, so what it gives is ours to keep.
// 2. FP16 goes in as Uint16Array: the binding (1.30, N-API 6) takes a Float16Array for an array of no bytes, and
//    the Tensor class turns a Uint16Array into one, so `data` is put back on the tensor.
// 3. Strings are refused when ORT could not carry them unchanged: invalid UTF-8, or a NUL, at which the binding
//    cuts them off without a word.

import { Tensor as OrtTensor } from "onnxruntime-node";
import {
  bytesOf,
  type Datatype,
  encodeBytesElements,
  isDatatype,
  ShoalError,
  type Tensor,
  typedView,
} from "../base/index.ts";
import { flagElements } from "./flags.ts";
import { stringElements } from "./strings.ts";

export type OnnxDatatype = Exclude<Datatype, "BF16">;

const ORT_TYPES = {
  BOOL: "bool",
  UINT8: "uint8",
  UINT16: "uint16",
  UINT32: "uint32",
  UINT64: "uint64",
  INT8: "int8",
  INT16: "int16",
  INT32: "int32",
  INT64: "int64",
  FP16: "float16",
  FP32: "float32",
  FP64: "float64",
  BYTES: "string",
} as const satisfies Record<OnnxDatatype, OrtTensor.Type>;

const DATATYPE_OF = new Map<string, OnnxDatatype>(
  Object.entries(ORT_TYPES).flatMap(([datatype, type]) =>
    isDatatype(datatype) && datatype !== "BF16" ? [[type, datatype] as const] : [],
  ),
);

/** The V2 datatype of ORT's name of a type; undefined for what V2 has not (`int4`, `uint4`). */
export function datatypeOf(ortType: string): OnnxDatatype | undefined {
  return DATATYPE_OF.get(ortType);
}

/** A tensor as ORT takes it. Throws INVALID_ARGUMENT on elements it cannot carry (invariant 3, `flagElements`). */
export function toOrt(tensor: Tensor): OrtTensor {
  const { datatype, shape } = tensor;
  if (datatype === "BYTES") return new OrtTensor("string", withoutNul(tensor), shape);
  if (datatype === "BOOL") return new OrtTensor("bool", flagElements(tensor), shape);
  if (datatype === "FP16") return halfTensor(tensor);
  const data = typedView(tensor);
  if (datatype === "BF16" || data instanceof Float16Array) {
    throw new ShoalError(
      "UNSUPPORTED",
      `Cannot read input "${tensor.name}": onnxruntime-node has no ${datatype}`,
    );
  }
  return new OrtTensor(ORT_TYPES[datatype], data, shape);
}

/** Invariant 2. */
function halfTensor({ bytes, shape }: Tensor): OrtTensor {
  const data = typedView({ datatype: "UINT16", bytes });
  if (!(data instanceof Uint16Array)) throw new TypeError("UINT16 is held in a Uint16Array");
  return Object.defineProperty(new OrtTensor("float16", data, shape), "data", { value: data });
}

/** Invariant 3. */
function withoutNul(tensor: Tensor): string[] {
  const elements = stringElements(tensor);
  const index = elements.findIndex((element) => element.includes("\0"));
  if (index < 0) return elements;
  throw new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read input "${tensor.name}": found a NUL character in element ${index}, wanted text without one (onnxruntime-node would cut it off there)`,
  );
}

/** What ORT gave, under the name of its output. */
export function fromOrt(name: string, result: OrtTensor): Tensor {
  const datatype = datatypeOf(result.type);
  if (datatype === undefined) {
    throw new ShoalError("ENGINE_FAILED", `Cannot read output "${name}": found type ${result.type}`);
  }
  const { data } = result;
  const bytes = Array.isArray(data) ? encodeBytesElements(data) : bytesOf(data);
  return { name, datatype, shape: result.dims, bytes };
}
