// A tensor: a name, a datatype, a shape and its elements as little-endian row-major bytes, exactly as the V2
// binary extension carries them. Everything here works on views; only `concatRows` and a misaligned
// `typedView` copy.
//
// 1. `bytes.byteLength` always agrees with datatype and shape; for BYTES the length prefixes add up to it.
// 2. Shape arithmetic is checked: a product past 2^53 is an error, never a wrapped number.

import { DATATYPES, type Datatype, type TypedArray } from "./datatypes.ts";
import { ShoalError } from "./errors.ts";

export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** Sizes of the dimensions, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** The elements; a view, not to be written to by readers. */
  readonly bytes: Uint8Array;
}

/** What a model takes or gives: -1 in `shape` is a dimension that may vary. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** Number of elements of a shape. Throws INVALID_ARGUMENT on a negative, fractional or too large product. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  let zero = false;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot use shape [${shape.join(",")}]: found ${size}, wanted whole numbers from 0`,
      );
    }
    if (size === 0) zero = true;
    else count *= size;
    if (count > Number.MAX_SAFE_INTEGER) {
      throw new ShoalError("INVALID_ARGUMENT", `Cannot use shape [${shape.join(",")}]: too many elements`);
    }
  }
  return zero ? 0 : count;
}

/** Bytes that `count` elements of a fixed-size datatype take. */
export function byteLengthOf(datatype: Exclude<Datatype, "BYTES">, count: number): number {
  return count * DATATYPES[datatype].elementBytes;
}

/** Checks invariant 1; throws INVALID_ARGUMENT naming the tensor, what was found and what was wanted. */
export function checkTensor(tensor: Tensor): void {
  const count = elementCount(tensor.shape);
  const found = tensor.bytes.byteLength;
  if (tensor.datatype === "BYTES") {
    const end = skipElements(tensor, 0, count);
    if (end !== found) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot read tensor "${tensor.name}": found ${found} bytes, but its ${count} elements end at ${end}`,
      );
    }
    return;
  }
  const wanted = byteLengthOf(tensor.datatype, count);
  if (found !== wanted) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot read tensor "${tensor.name}": found ${found} bytes, wanted ${wanted} for ${tensor.datatype} [${tensor.shape.join(",")}]`,
    );
  }
}

/** Offset just behind `count` BYTES elements that start at `offset`. */
function skipElements(tensor: Tensor, offset: number, count: number): number {
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = offset;
  for (let index = 0; index < count; index++) {
    if (end + 4 > bytes.byteLength) throw cutShort(tensor, index, count);
    end += 4 + view.getUint32(end, true);
    if (end > bytes.byteLength) throw cutShort(tensor, index, count);
  }
  return end;
}

function cutShort(tensor: Tensor, index: number, count: number): ShoalError {
  return new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read tensor "${tensor.name}": its ${tensor.bytes.byteLength} bytes end within element ${index}, wanted ${count} elements`,
  );
}

/**
 * The elements of a fixed-size tensor as a typed array: a view where the alignment allows, one copy otherwise.
 * BOOL comes as Uint8Array of 0 and 1, BF16 as the Uint16Array of its bits.
 */
export function typedView(tensor: Pick<Tensor, "datatype" | "bytes">): TypedArray {
  const { array, elementBytes } = DATATYPES[tensor.datatype];
  const { bytes } = tensor;
  const size = elementBytes === 0 ? 1 : elementBytes;
  // Not `slice`: a Buffer's makes a view, with the same offset.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / size);
}

/** The elements of a BYTES tensor, each a view. */
export function bytesElements(tensor: Tensor): Uint8Array[] {
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.byteLength; ) {
    const start = offset + 4;
    offset = start + view.getUint32(offset, true);
    elements.push(bytes.subarray(start, offset));
  }
  return elements;
}

/** Lays out elements as a BYTES tensor carries them; strings become UTF-8. */
export function encodeBytesElements(elements: readonly (string | Uint8Array)[]): Uint8Array {
  const encoded = elements.map((element) => (typeof element === "string" ? Buffer.from(element) : element));
  const total = encoded.reduce((sum, element) => sum + 4 + element.byteLength, 0);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const element of encoded) {
    view.setUint32(offset, element.byteLength, true);
    bytes.set(element, offset + 4);
    offset += 4 + element.byteLength;
  }
  return bytes;
}

/** The bytes of a typed array, as a view. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

/** Size of the batch axis: the outermost dimension; 1 for a scalar. */
export function rowsOf(tensor: Pick<Tensor, "shape">): number {
  return tensor.shape[0] ?? 1;
}

/**
 * Cuts a tensor along its outermost axis into parts of `rows[i]` rows, in order, each a view. Throws
 * INVALID_ARGUMENT when the parts do not add up to the tensor.
 */
export function splitRows(tensor: Tensor, rows: readonly number[]): Tensor[] {
  const total = rowsOf(tensor);
  const wanted = rows.reduce((sum, count) => sum + count, 0);
  if (total !== wanted || tensor.shape.length === 0) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot split tensor "${tensor.name}": found shape [${tensor.shape.join(",")}], wanted ${wanted} rows`,
    );
  }
  if (rows.length === 1) return [tensor];
  const inner = tensor.shape.slice(1);
  const rowElements = elementCount(inner);
  const rowBytes = rowElements * DATATYPES[tensor.datatype].elementBytes;
  let offset = 0;
  return rows.map((count) => {
    const end =
      tensor.datatype === "BYTES"
        ? skipElements(tensor, offset, count * rowElements)
        : offset + count * rowBytes;
    const bytes = tensor.bytes.subarray(offset, end);
    offset = end;
    return { name: tensor.name, datatype: tensor.datatype, shape: [count, ...inner], bytes };
  });
}

/**
 * The shape of several tensors laid behind each other along the outermost axis; all but that axis, and the
 * datatype, must agree. Throws INVALID_ARGUMENT when they do not.
 */
export function concatShape(parts: readonly Tensor[]): number[] {
  const first = parts[0];
  if (first === undefined || first.shape.length === 0) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      "Cannot concatenate: wanted at least one tensor with a batch axis",
    );
  }
  let rows = 0;
  for (const part of parts) {
    const same =
      part.datatype === first.datatype &&
      part.shape.length === first.shape.length &&
      part.shape.every((size, axis) => axis === 0 || size === first.shape[axis]);
    if (!same) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot concatenate "${part.name}": found ${part.datatype} [${part.shape.join(",")}], wanted ${first.datatype} [-1,${first.shape.slice(1).join(",")}]`,
      );
    }
    rows += rowsOf(part);
  }
  return [rows, ...first.shape.slice(1)];
}

/** Lays tensors behind each other along the outermost axis, in one new allocation. */
export function concatRows(parts: readonly Tensor[]): Tensor {
  const shape = concatShape(parts);
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first as Tensor;
  const bytes = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.bytes.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part.bytes, offset);
    offset += part.bytes.byteLength;
  }
  return { name: first.name, datatype: first.datatype, shape, bytes };
}
