// Views on memory as values that are written: which kind, and which bytes.

type ViewClass = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;

interface ViewKind {
  readonly name: string;
  /** Undefined where the platform has none of it. */
  readonly viewClass: ViewClass | undefined;
  readonly elementBytes: number;
}

/** A kind is written as its place here. */
const KINDS: readonly ViewKind[] = [
  { name: "Uint8Array", viewClass: Uint8Array, elementBytes: 1 },
  { name: "Int8Array", viewClass: Int8Array, elementBytes: 1 },
  { name: "Uint8ClampedArray", viewClass: Uint8ClampedArray, elementBytes: 1 },
  { name: "Uint16Array", viewClass: Uint16Array, elementBytes: 2 },
  { name: "Int16Array", viewClass: Int16Array, elementBytes: 2 },
  { name: "Uint32Array", viewClass: Uint32Array, elementBytes: 4 },
  { name: "Int32Array", viewClass: Int32Array, elementBytes: 4 },
  { name: "Float32Array", viewClass: Float32Array, elementBytes: 4 },
  { name: "Float64Array", viewClass: Float64Array, elementBytes: 8 },
  { name: "BigInt64Array", viewClass: BigInt64Array, elementBytes: 8 },
  { name: "BigUint64Array", viewClass: BigUint64Array, elementBytes: 8 },
  { name: "DataView", viewClass: DataView, elementBytes: 1 },
  // Node 20 and 22 have none.
  {
    name: "Float16Array",
    viewClass: typeof Float16Array === "undefined" ? undefined : Float16Array,
    elementBytes: 2,
  },
];
const BUFFER = KINDS.length;
/** Kinds are below this. */
export const KIND_LIMIT = 32;

const PLACES = new Map(KINDS.map(({ name }, place) => [name, place]));
/** Says the name also of one from another realm or of a class made of it; undefined for a DataView. */
const NAME = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);

export function kindOf(view: ArrayBufferView): number {
  if (Buffer.isBuffer(view)) return BUFFER;
  const name: unknown = NAME?.get?.call(view) ?? "DataView";
  const place = typeof name === "string" ? PLACES.get(name) : undefined;
  if (place === undefined) throw new TypeError(`${String(name)} is not supported`);
  return place;
}

/** A view of that kind on the bytes themselves, or on a copy where they are not aligned for it. */
export function viewOn(kind: number, bytes: Uint8Array): ArrayBufferView {
  return isAligned(kind, bytes) ? make(kind, bytes) : viewOnCopy(kind, bytes);
}

export function viewOnCopy(kind: number, bytes: Uint8Array): ArrayBufferView {
  return make(kind, new Uint8Array(bytes));
}

function isAligned(kind: number, { byteOffset }: Uint8Array): boolean {
  return byteOffset % (KINDS[kind]?.elementBytes ?? 1) === 0;
}

function make(kind: number, { buffer, byteOffset, byteLength }: Uint8Array): ArrayBufferView {
  if (kind === BUFFER) return Buffer.from(buffer, byteOffset, byteLength);
  const { name, viewClass, elementBytes } = KINDS[kind] ?? { name: `kind ${kind}`, elementBytes: 1 };
  if (viewClass === undefined) throw new TypeError(`${name} is not supported by Node ${process.version}`);
  return new viewClass(buffer, byteOffset, byteLength / elementBytes);
}
