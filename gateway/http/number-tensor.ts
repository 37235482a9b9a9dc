// A tensor's elements out of a list of numbers that was read from the bytes of a body.
//
// 1. What is taken here `tensorFromJson` would take, to the same bytes; what it would refuse is refused, in words that no
//    client sees: it is asked again, with what JSON.parse gives.

import {
  bytesOf,
  DATATYPES,
  type Datatype,
  elementCount,
  ShoalError,
  type Tensor,
  toBf16,
} from "../../runtime/base/index.ts";
import type { NumberList } from "./number-list.ts";
import { type DescribedTensor, FLOAT_END, RANGES } from "./tensor-json.ts";

const WORD = 2 ** 32;

/** Elements out of a list. Throws INVALID_ARGUMENT on what is to be read by `tensorFromJson`. */
export function tensorFromNumbers(described: DescribedTensor, list: NumberList): Tensor {
  const { name, datatype, shape } = described;
  const { shape: found } = list;
  const fits =
    found.length === 1
      ? found[0] === elementCount(shape)
      : found.length === shape.length && found.every((size, axis) => size === shape[axis]);
  const bytes = fits ? toBytes(datatype, list) : undefined;
  if (bytes === undefined) {
    throw new ShoalError("INVALID_ARGUMENT", `Cannot read input "${name}" as a list of ${datatype}`);
  }
  return { name, datatype, shape, bytes };
}

function toBytes(datatype: Datatype, { values, largest }: NumberList): Uint8Array | undefined {
  switch (DATATYPES[datatype].kind) {
    case "float":
      return largest < (FLOAT_END[datatype] ?? 0) ? floatsToBytes(datatype, values) : undefined;
    case "integer":
    case "bool": {
      const [min, max] = RANGES[datatype] ?? [0, 1];
      return areWhole(values, min, max) ? converted(datatype, values) : undefined;
    }
    case "bigint": {
      const min = datatype === "INT64" ? Number.MIN_SAFE_INTEGER : 0;
      return areWhole(values, min, Number.MAX_SAFE_INTEGER) ? wideToBytes(values) : undefined;
    }
    case "bytes":
      return undefined;
  }
}

function areWhole(values: Float64Array, min: number, max: number): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    if (value < min || value > max || Math.trunc(value) !== value) return false;
  }
  return true;
}

function floatsToBytes(datatype: Datatype, values: Float64Array): Uint8Array {
  if (datatype === "BF16") return bytesOf(Uint16Array.from(values, toBf16));
  return converted(datatype, values);
}

/** As assignment of each element converts. */
function converted(datatype: Datatype, values: Float64Array): Uint8Array {
  const array = new DATATYPES[datatype].array(values.length);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    throw new TypeError("64-bit integers are written as words");
  }
  array.set(values);
  return bytesOf(array);
}

/** Whole numbers of 64 bits, without a bigint for each: the lower word, then the upper one. */
function wideToBytes(values: Float64Array): Uint8Array {
  const words = new Uint32Array(2 * values.length);
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    words[2 * index] = value;
    words[2 * index + 1] = Math.floor(value / WORD);
  }
  return bytesOf(words);
}
