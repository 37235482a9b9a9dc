// Tensor elements as JSON: `data`, flat or nested, row-major, to bytes and back.
//
// 1. Every element is checked: its kind, its range, and that there are as many as the shape says.
// 2. What JSON cannot hold (NaN, infinities, bytes that are no text) is an error, never another value.

import {
  bytesElements,
  bytesOf,
  DATATYPES,
  type Datatype,
  elementCount,
  encodeBytesElements,
  fromBf16,
  ShoalError,
  type Tensor,
  type TypedArray,
  toBf16,
  typedView,
} from "../../runtime/base/index.ts";

/** A tensor whose elements are still JSON. */
export interface DescribedTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** Elements out of JSON. Throws INVALID_ARGUMENT saying which element and what was wanted. */
export function tensorFromJson(described: DescribedTensor, data: unknown): Tensor {
  const { name, datatype, shape } = described;
  const count = elementCount(shape);
  const flat = flatten(described, data, count);
  if (flat.length !== count) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot read input "${name}": found ${flat.length} elements, wanted ${count} for shape [${shape.join(",")}]`,
    );
  }
  return { name, datatype, shape, bytes: toBytes(described, flat) };
}

/** True when `data` holds whole numbers of which some lost digits on their way to a double. */
export function needsExactDigits(datatype: Datatype, data: unknown): boolean {
  return DATATYPES[datatype].kind === "bigint" && lostDigits(data);
}

function lostDigits(data: unknown): boolean {
  if (Array.isArray(data)) return data.some(lostDigits);
  return typeof data === "number" && Number.isInteger(data) && !Number.isSafeInteger(data);
}

function flatten(described: DescribedTensor, data: unknown, count: number): readonly unknown[] {
  if (!Array.isArray(data)) {
    if (described.shape.length === 0) return [data];
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot read input "${described.name}": found ${describe(data)} as data, wanted a list`,
    );
  }
  if (!Array.isArray(data[0])) return data;
  if (count > 0 && data.length !== described.shape[0]) {
    throw nestingError(described, [], data.length);
  }
  const flat: unknown[] = [];
  gather(described, data, { axis: 0, flat, path: [] });
  return flat;
}

interface Gathering {
  readonly axis: number;
  readonly flat: unknown[];
  readonly path: readonly number[];
}

function gather(described: DescribedTensor, list: readonly unknown[], { axis, flat, path }: Gathering): void {
  const { shape } = described;
  if (list.length !== shape[axis]) throw nestingError(described, path, list.length);
  if (axis === shape.length - 1) {
    for (const value of list) flat.push(value);
    return;
  }
  for (let index = 0; index < list.length; index++) {
    const inner = list[index];
    if (!Array.isArray(inner)) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot read input "${described.name}": found ${describe(inner)} at [${[...path, index].join("][")}], wanted a list of ${shape[axis + 1]}`,
      );
    }
    gather(described, inner, { axis: axis + 1, flat, path: [...path, index] });
  }
}

function nestingError({ name, shape }: DescribedTensor, path: readonly number[], found: number): ShoalError {
  const where = path.length === 0 ? "" : ` at [${path.join("][")}]`;
  return new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read input "${name}": found a list of ${found}${where}, wanted nesting as shape [${shape.join(",")}]`,
  );
}

/** Bounds of the integer datatypes; doubles hold all of these exactly. */
export const RANGES: Partial<Record<Datatype, readonly [min: number, max: number]>> = {
  UINT8: [0, 0xff],
  UINT16: [0, 0xffff],
  UINT32: [0, 0xffff_ffff],
  INT8: [-0x80, 0x7f],
  INT16: [-0x8000, 0x7fff],
  INT32: [-0x8000_0000, 0x7fff_ffff],
};

/** The least magnitude that rounds to infinity. */
export const FLOAT_END: Partial<Record<Datatype, number>> = {
  FP16: 65_520,
  BF16: (2 - 2 ** -8) * 2 ** 127,
  FP32: (2 - 2 ** -24) * 2 ** 127,
  FP64: Number.POSITIVE_INFINITY,
};

function toBytes(described: DescribedTensor, flat: readonly unknown[]): Uint8Array {
  const { datatype } = described;
  switch (DATATYPES[datatype].kind) {
    case "float":
      return floatsToBytes(described, flat);
    case "integer":
      return integersToBytes(described, flat);
    case "bigint":
      return bigintsToBytes(described, flat);
    case "bool":
      return boolsToBytes(described, flat);
    case "bytes":
      for (let index = 0; index < flat.length; index++) {
        const text = flat[index];
        // Half a surrogate pair has no UTF-8: it would become another character.
        if (typeof text !== "string" || !text.isWellFormed()) throw elementError(described, index, text);
      }
      return encodeBytesElements(flat as string[]);
  }
}

function floatsToBytes(described: DescribedTensor, flat: readonly unknown[]): Uint8Array {
  const { datatype } = described;
  const end = FLOAT_END[datatype] ?? Number.POSITIVE_INFINITY;
  const array = new DATATYPES[datatype].array(flat.length) as Float32Array | Uint16Array;
  const isBf16 = datatype === "BF16";
  for (let index = 0; index < flat.length; index++) {
    const value = flat[index];
    if (typeof value !== "number" || value >= end || value <= -end) {
      throw elementError(described, index, value);
    }
    array[index] = isBf16 ? toBf16(value) : value;
  }
  return bytesOf(array);
}

function integersToBytes(described: DescribedTensor, flat: readonly unknown[]): Uint8Array {
  const [min, max] = RANGES[described.datatype] ?? [0, 0];
  const array = new DATATYPES[described.datatype].array(flat.length) as Int32Array;
  for (let index = 0; index < flat.length; index++) {
    const value = flat[index];
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      throw elementError(described, index, value);
    }
    array[index] = value as number;
  }
  return bytesOf(array);
}

function bigintsToBytes(described: DescribedTensor, flat: readonly unknown[]): Uint8Array {
  const signed = described.datatype === "INT64";
  const array = signed ? new BigInt64Array(flat.length) : new BigUint64Array(flat.length);
  for (let index = 0; index < flat.length; index++) {
    const value = flat[index];
    const whole = typeof value === "bigint" || Number.isSafeInteger(value);
    const big = whole ? BigInt(value as number | bigint) : 0n;
    const fits = signed ? BigInt.asIntN(64, big) === big : BigInt.asUintN(64, big) === big;
    if (!whole || !fits) throw elementError(described, index, value);
    array[index] = big;
  }
  return bytesOf(array);
}

function boolsToBytes(described: DescribedTensor, flat: readonly unknown[]): Uint8Array {
  const array = new Uint8Array(flat.length);
  for (let index = 0; index < flat.length; index++) {
    const value = flat[index];
    if (typeof value === "boolean") array[index] = value ? 1 : 0;
    else if (value === 0 || value === 1) array[index] = value;
    else throw elementError(described, index, value);
  }
  return array;
}

function elementError({ name, datatype }: DescribedTensor, index: number, value: unknown): ShoalError {
  const wanted =
    datatype === "BYTES" ? "a string" : datatype === "BOOL" ? "true or false" : `a number of ${datatype}`;
  return new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read input "${name}": found ${describe(value)} as element ${index}, wanted ${wanted}`,
  );
}

/** What a JSON value is, short enough for an error. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "bigint" || typeof value === "number") return String(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The elements as flat JSON text, with brackets. Throws NOT_REPRESENTABLE (invariant 2). */
export function tensorToJson(tensor: Tensor): string {
  return `[${elementTexts(tensor).join(",")}]`;
}

/** The elements as JSON text nested by the shape. */
export function tensorToNestedJson(tensor: Tensor): string {
  const texts = elementTexts(tensor);
  const { shape } = tensor;
  if (shape.length === 0) return texts.join(",");
  let level: readonly string[] = Array.from(texts as ArrayLike<unknown>, String);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 0;
    const lists = elementCount(shape.slice(0, axis));
    level = Array.from(
      { length: lists },
      (_, list) => `[${level.slice(list * size, (list + 1) * size).join(",")}]`,
    );
  }
  return level[0] ?? "[]";
}

/** Something whose `join` writes each element as JSON. */
function elementTexts(tensor: Tensor): TypedArray | readonly (string | number)[] {
  switch (DATATYPES[tensor.datatype].kind) {
    case "bytes":
      return bytesElements(tensor).map((element, index) => textOf(tensor, element, index));
    case "bool":
      return Array.from(tensor.bytes, (bit) => (bit === 0 ? "false" : "true"));
    case "integer":
    case "bigint":
      return typedView(tensor);
    case "float": {
      const values =
        tensor.datatype === "BF16"
          ? Array.from(typedView(tensor) as Uint16Array, fromBf16)
          : (typedView(tensor) as Float32Array);
      let hasNegativeZero = false;
      for (let index = 0; index < values.length; index++) {
        const value = values[index] ?? 0;
        if (!Number.isFinite(value)) throw unrepresentable(tensor, index, String(value));
        if (Object.is(value, -0)) hasNegativeZero = true;
      }
      return hasNegativeZero ? Array.from(values, (value) => (Object.is(value, -0) ? "-0" : value)) : values;
    }
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(tensor: Tensor, element: Uint8Array, index: number): string {
  try {
    return JSON.stringify(strictUtf8.decode(element));
  } catch {
    throw unrepresentable(tensor, index, "bytes that are not UTF-8");
  }
}

function unrepresentable({ name }: Tensor, index: number, found: string): ShoalError {
  return new ShoalError(
    "NOT_REPRESENTABLE",
    `Cannot write output "${name}" as JSON: element ${index} is ${found}, which JSON has not; ask for it with binary_data`,
  );
}
