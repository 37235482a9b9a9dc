// What a module's `infer` gave, checked and turned into tensors.
//
// 1. Nothing is rounded or wrapped in silence: 300 is no UINT8, 1.5 no INT32, 2 no BOOL. Only floats are rounded
//    to the precision of their datatype.
// 2. Data already in the right typed array is a view on the module's memory, not a copy.

import {
  bytesOf,
  DATATYPES,
  type Datatype,
  elementCount,
  encodeBytesElements,
  isDatatype,
  messageOf,
  type Tensor,
  toBf16,
  type TypedArray,
} from "../base/index.ts";
import { show } from "./options.ts";

/** Why an output is refused; the engine puts module and output before it. */
export class OutputFault extends Error {}

/** One output as a tensor. Throws OutputFault saying what was found and what was wanted. */
export function outputTensor(name: string, found: unknown, declared: Datatype | undefined): Tensor {
  const output = isData(found) ? { data: found } : found;
  if (typeof output !== "object" || output === null || !("data" in output)) {
    throw new OutputFault(`found ${show(found)}, wanted {datatype, shape, data}, a typed array or a list`);
  }
  const { data } = output;
  if (!isData(data)) throw new OutputFault(`found ${show(data)} for data, wanted a typed array or a list`);
  const datatype = datatypeOf(output, data, declared);
  const shape = shapeOf(output, data);
  return { name, datatype, shape, bytes: encode(datatype, data) };
}

type Data = TypedArray | readonly unknown[];

function isData(value: unknown): value is Data {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function datatypeOf(output: object, data: Data, declared: Datatype | undefined): Datatype {
  const said: unknown = Reflect.get(output, "datatype");
  if (said !== undefined && !isDatatype(said)) {
    throw new OutputFault(`found datatype ${show(said)}, wanted one of ${Object.keys(DATATYPES).join(", ")}`);
  }
  if (said !== undefined && declared !== undefined && said !== declared) {
    throw new OutputFault(`found datatype ${said}, wanted ${declared} as the signature says`);
  }
  const datatype = said ?? declared ?? shownDatatype(data);
  if (datatype === undefined) {
    throw new OutputFault(
      `found a list of ${typeof Reflect.get(data, 0)} without a datatype, wanted {datatype, shape, data}`,
    );
  }
  return datatype;
}

const SHOWN = new Map<unknown, Datatype>([
  [Uint8Array, "UINT8"],
  [Uint16Array, "UINT16"],
  [Uint32Array, "UINT32"],
  [BigUint64Array, "UINT64"],
  [Int8Array, "INT8"],
  [Int16Array, "INT16"],
  [Int32Array, "INT32"],
  [BigInt64Array, "INT64"],
  [Float16Array, "FP16"],
  [Float32Array, "FP32"],
  [Float64Array, "FP64"],
]);

/** The datatype that data shows by itself. */
function shownDatatype(data: Data): Datatype | undefined {
  if (data instanceof Uint8Array) return "UINT8"; // Buffers too
  if (!Array.isArray(data)) return SHOWN.get(data.constructor);
  const first: unknown = data[0];
  if (typeof first === "boolean") return "BOOL";
  return typeof first === "string" || first instanceof Uint8Array ? "BYTES" : undefined;
}

function shapeOf(output: object, data: Data): readonly number[] {
  const shape: unknown = Reflect.get(output, "shape");
  if (shape === undefined) return [data.length];
  if (!Array.isArray(shape)) throw new OutputFault(`found shape ${show(shape)}, wanted a list of sizes`);
  const sizes: readonly number[] = shape.map((size: unknown) =>
    typeof size === "number" ? size : Number.NaN,
  );
  let count: number;
  try {
    count = elementCount(sizes);
  } catch (error) {
    throw new OutputFault(messageOf(error), { cause: error });
  }
  if (count !== data.length) {
    throw new OutputFault(`found ${data.length} elements, wanted ${count} for shape [${sizes.join(",")}]`);
  }
  return sizes;
}

function encode(datatype: Datatype, data: Data): Uint8Array {
  if (datatype === "BYTES")
    return encodeBytesElements(Array.isArray(data) ? data.map(bytesElement) : wrongArray(datatype, data));
  if (datatype === "BOOL") return encodeFlags(data);
  if (datatype === "BF16") return encodeBf16(data);
  const { array } = DATATYPES[datatype];
  if (data instanceof array) return bytesOf(data); // invariant 2
  if (!Array.isArray(data)) return wrongArray(datatype, data);
  const { kind } = DATATYPES[datatype];
  if (kind === "bigint")
    return bytesOf(exact(datatype, data, new DATATYPES[datatype].array(data.map(bigintElement(datatype)))));
  const numbers = data.map(numberElement(datatype));
  const encoded = new DATATYPES[datatype].array(numbers);
  return bytesOf(kind === "float" ? encoded : exact(datatype, numbers, encoded));
}

function wrongArray(datatype: Datatype, data: Data): never {
  const wanted = datatype === "BYTES" ? "a list of texts and Uint8Arrays" : DATATYPES[datatype].array.name;
  throw new OutputFault(`found ${data.constructor.name} for ${datatype}, wanted ${wanted}`);
}

function bytesElement(element: unknown, index: number): string | Uint8Array {
  if (typeof element === "string" || element instanceof Uint8Array) return element;
  throw wrongElement("BYTES", element, index);
}

const numberElement =
  (datatype: Datatype) =>
  (element: unknown, index: number): number => {
    if (typeof element === "number") return element;
    throw wrongElement(datatype, element, index);
  };

const bigintElement =
  (datatype: Datatype) =>
  (element: unknown, index: number): bigint => {
    if (typeof element === "bigint") return element;
    if (typeof element === "number" && Number.isSafeInteger(element)) return BigInt(element);
    throw wrongElement(datatype, element, index);
  };

/** Invariant 1: what was stored must be what was given. */
function exact<A extends TypedArray>(datatype: Datatype, given: readonly unknown[], stored: A): A {
  for (let index = 0; index < given.length; index++) {
    const value = given[index];
    const kept = stored[index];
    // oxlint-disable-next-line eqeqeq -- 1n == 1: a bigint datatype may be given as safe numbers
    if (kept != value) throw wrongElement(datatype, value, index);
  }
  return stored;
}

function encodeFlags(data: Data): Uint8Array {
  if (!Array.isArray(data) && !(data instanceof Uint8Array)) return wrongArray("BOOL", data);
  const list: readonly unknown[] | Uint8Array = data;
  const index = list.findIndex((value: unknown) => value !== 0 && value !== 1 && typeof value !== "boolean");
  if (index >= 0) throw wrongElement("BOOL", list[index], index);
  return data instanceof Uint8Array ? bytesOf(data) : Uint8Array.from(list, Number);
}

function encodeBf16(data: Data): Uint8Array {
  if (data instanceof Uint16Array) return bytesOf(data);
  if (!Array.isArray(data) && !(data instanceof Float32Array)) return wrongArray("BF16", data);
  const numbers: readonly number[] | Float32Array = Array.isArray(data)
    ? data.map(numberElement("BF16"))
    : data;
  return bytesOf(Uint16Array.from(numbers, toBf16));
}

function wrongElement(datatype: Datatype, value: unknown, index: number): OutputFault {
  return new OutputFault(`found ${show(value)} in element ${index}, wanted a value of ${datatype}`);
}
