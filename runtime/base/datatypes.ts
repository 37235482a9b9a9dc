// The element types of the Open Inference Protocol V2 and how JavaScript holds each of them.
//
// BF16 has no typed array: its values are carried as the bits of a Uint16Array. BYTES elements have no fixed
// size: each is a little-endian u32 length and that many bytes.

export type NumericArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float16Array
  | Float32Array
  | Float64Array;
export type TypedArray = NumericArray | BigInt64Array | BigUint64Array;

type ArrayType =
  | Int8ArrayConstructor
  | Int16ArrayConstructor
  | Int32ArrayConstructor
  | BigInt64ArrayConstructor
  | Uint8ArrayConstructor
  | Uint16ArrayConstructor
  | Uint32ArrayConstructor
  | BigUint64ArrayConstructor
  | Float16ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor;

interface DatatypeInfo {
  /** Bytes per element; 0 when elements vary in size (BYTES). */
  readonly elementBytes: number;
  readonly array: ArrayType;
  readonly kind: "bool" | "integer" | "bigint" | "float" | "bytes";
}

export const DATATYPES = {
  BOOL: { elementBytes: 1, array: Uint8Array, kind: "bool" },
  UINT8: { elementBytes: 1, array: Uint8Array, kind: "integer" },
  UINT16: { elementBytes: 2, array: Uint16Array, kind: "integer" },
  UINT32: { elementBytes: 4, array: Uint32Array, kind: "integer" },
  UINT64: { elementBytes: 8, array: BigUint64Array, kind: "bigint" },
  INT8: { elementBytes: 1, array: Int8Array, kind: "integer" },
  INT16: { elementBytes: 2, array: Int16Array, kind: "integer" },
  INT32: { elementBytes: 4, array: Int32Array, kind: "integer" },
  INT64: { elementBytes: 8, array: BigInt64Array, kind: "bigint" },
  FP16: { elementBytes: 2, array: Float16Array, kind: "float" },
  BF16: { elementBytes: 2, array: Uint16Array, kind: "float" },
  FP32: { elementBytes: 4, array: Float32Array, kind: "float" },
  FP64: { elementBytes: 8, array: Float64Array, kind: "float" },
  BYTES: { elementBytes: 0, array: Uint8Array, kind: "bytes" },
} as const satisfies Record<string, DatatypeInfo>;

export type Datatype = keyof typeof DATATYPES;

export function isDatatype(name: unknown): name is Datatype {
  return typeof name === "string" && Object.hasOwn(DATATYPES, name);
}

const bits = new DataView(new ArrayBuffer(4));

/** The nearest BF16 (ties to even) of a number, as its 16 bits. */
export function toBf16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  bits.setFloat32(0, value);
  const word = bits.getUint32(0);
  const single = bits.getFloat32(0);
  // Half way between two only because of the rounding to a single: the number itself says which is nearer.
  if ((word & 0xffff) === 0x8000 && single !== value) {
    return ((word >>> 16) + (Math.abs(value) > Math.abs(single) ? 1 : 0)) & 0xffff;
  }
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number that 16 bits of BF16 stand for. */
export function fromBf16(half: number): number {
  bits.setUint32(0, half << 16);
  return bits.getFloat32(0);
}
