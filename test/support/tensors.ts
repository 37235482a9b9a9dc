// Tensors out of plain values, and back, for tests; and random ones of every datatype.

import * as fc from "fast-check";
import {
  bytesElements,
  bytesOf,
  DATATYPES,
  type Datatype,
  elementCount,
  encodeBytesElements,
  type Tensor,
  typedView,
} from "../../runtime/base/index.ts";

export const ALL_DATATYPES = Object.keys(DATATYPES) as Datatype[];

type Values = readonly (number | bigint | string | Uint8Array)[];

/** A tensor of the given elements; BF16 takes the bits of its elements. */
export function tensor(
  name: string,
  datatype: Datatype,
  { shape, values }: { shape: readonly number[]; values: Values },
): Tensor {
  if (datatype === "BYTES") {
    return { name, datatype, shape, bytes: encodeBytesElements(values as readonly (string | Uint8Array)[]) };
  }
  const array = DATATYPES[datatype].array as unknown as { from(values: Values): ArrayBufferView };
  return { name, datatype, shape, bytes: bytesOf(array.from(values)) };
}

/** The elements; BYTES as Latin-1 text, which keeps every byte. */
export function valuesOf(of: Tensor): (number | bigint | string)[] {
  if (of.datatype === "BYTES") {
    return bytesElements(of).map((element) => Buffer.from(element).toString("latin1"));
  }
  return [...(typedView(of) as Iterable<number | bigint>)];
}

/** The same tensor with its bytes at an odd offset of a larger buffer, as a body's part may be. */
export function misaligned(of: Tensor): Tensor {
  const buffer = Buffer.alloc(of.bytes.byteLength + 1);
  buffer.set(of.bytes, 1);
  return { ...of, bytes: buffer.subarray(1) };
}

/** Tensors of any datatype and of 0 to 5 rows, with the given inner shape. */
export function tensorsLike(datatype: Datatype, inner: readonly number[]): fc.Arbitrary<Tensor> {
  return fc.nat(5).chain((rows) => {
    const shape = [rows, ...inner];
    const count = elementCount(shape);
    const size = DATATYPES[datatype].elementBytes;
    if (size === 0) {
      const element = fc.uint8Array({ maxLength: 6 });
      return fc
        .array(element, { minLength: count, maxLength: count })
        .map((values) => tensor("t", datatype, { shape, values }));
    }
    return fc
      .uint8Array({ minLength: count * size, maxLength: count * size })
      .map((bytes) => ({ name: "t", datatype, shape, bytes }));
  });
}
