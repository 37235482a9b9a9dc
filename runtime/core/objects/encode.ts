// Values ↔ bytes: the structured clone of Node, with large binary parts beside it and not in it.
//
//   parts[0] = kind │ text or clone        parts[1…] = the bytes of large views, in the order they were met
//
// 1. What comes out is equal to what went in: typed arrays, buffers, maps, dates, errors, cycles.
// 2. Only the bytes a view shows are written, never the rest of its buffer.
// 3. The fast way is taken only for what JSON gives back exactly.

import { Deserializer, Serializer } from "node:v8";
import { ShoalError } from "../../base/index.ts";
import type { ActorData, Id } from "../workers/messages.ts";
import { MARK, markOf, noticingMarks } from "./marks.ts";
import { findUncloneable } from "./uncloneable.ts";

/** Views of this many bytes or more are parts of their own. */
const PART_BYTES = 4_096;
/** What an encoded text may have before cloning is the better way. */
const MAX_JSON_CHARS = 1_024;

const JSON_TEXT = 1;
const CLONE = 2;
/** A clone with marks in it, which have to be found again. */
const MARKED_CLONE = 3;

export interface EncodedValue {
  /** None for undefined. */
  readonly parts: readonly Uint8Array[];
  readonly byteLength: number;
}

export interface DecodeOptions {
  readonly reference: (id: Id) => object;
  readonly handle: (data: ActorData) => object;
}

const NOTHING: EncodedValue = { parts: [], byteLength: 0 };

/**
 * Throws INVALID_ARGUMENT naming the member that cannot be sent, such as `[0].run is a function`. `onReference` is told
 * of each reference and actor handle inside.
 */
export function encodeValue(value: unknown, onReference: (id: Id) => void): EncodedValue {
  if (value === undefined) return NOTHING;
  if (isPlain(value)) {
    const json = JSON.stringify(value);
    if (json.length <= MAX_JSON_CHARS) {
      const part = Buffer.allocUnsafe(1 + Buffer.byteLength(json));
      part[0] = JSON_TEXT;
      part.write(json, 1);
      return { parts: [part], byteLength: part.byteLength };
    }
  }
  return clone(value, onReference);
}

export function decodeValue(parts: readonly Uint8Array[], options: DecodeOptions): unknown {
  const [first] = parts;
  if (first === undefined) return undefined;
  const head = Buffer.from(first.buffer, first.byteOffset, first.byteLength);
  if (head[0] === JSON_TEXT) return JSON.parse(head.toString("utf8", 1));
  const reader = new ViewReader(head.subarray(1), parts);
  reader.readHeader();
  const value: unknown = reader.readValue();
  return head[0] === MARKED_CLONE ? unmark(value, options, new Map()) : value;
}

/** Invariant 3. */
function isPlain(value: unknown): boolean {
  if (isExact(value)) return true;
  return (
    Array.isArray(value) &&
    value.length <= 64 &&
    value.every(isExact) &&
    Object.keys(value).length === value.length
  );
}

function isExact(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value === "string") return value.length <= MAX_JSON_CHARS;
  return typeof value === "boolean" || value === null;
}

function clone(value: unknown, onReference: (id: Id) => void): EncodedValue {
  const writer = new ViewWriter();
  let marks = 0;
  try {
    writer.writeRawBytes(KIND);
    writer.writeHeader();
    noticingMarks(
      (id) => {
        marks++;
        onReference(id);
      },
      () => writer.writeValue(value),
    );
  } catch (cause) {
    const why = findUncloneable(value) ?? (cause instanceof Error ? cause.message : String(cause));
    throw new ShoalError("INVALID_ARGUMENT", `it cannot be sent to another process: ${why}`, { cause });
  }
  const head = writer.releaseBuffer();
  head[0] = marks === 0 ? CLONE : MARKED_CLONE;
  let byteLength = head.byteLength;
  for (const part of writer.parts) byteLength += part.byteLength;
  return { parts: [head, ...writer.parts], byteLength };
}

const KIND = new Uint8Array([CLONE]);

type ViewClass = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;

/** Kinds of views by their place here, with the bytes of an element. */
const VIEWS: readonly (readonly [ViewClass, number])[] = [
  [Uint8Array, 1],
  [Int8Array, 1],
  [Uint8ClampedArray, 1],
  [Uint16Array, 2],
  [Int16Array, 2],
  [Uint32Array, 4],
  [Int32Array, 4],
  [Float32Array, 4],
  [Float64Array, 8],
  [BigInt64Array, 8],
  [BigUint64Array, 8],
  [DataView, 1],
  [Float16Array, 2],
];
const BUFFER = VIEWS.length;
/** Added to the kind of a view whose bytes are a part. */
const APART = 32;

function kindOf(view: ArrayBufferView): number {
  if (Buffer.isBuffer(view)) return BUFFER;
  const kind = VIEWS.findIndex(([viewClass]) => view instanceof viewClass);
  if (kind >= 0) return kind;
  throw new TypeError(`${view.constructor.name} is not supported`);
}

class ViewWriter extends Serializer {
  readonly parts: Uint8Array[] = [];

  constructor() {
    super();
    treatViewsAsHostObjects(this);
  }

  /** Called by the serializer for each view (invariant 2). */
  _writeHostObject(view: ArrayBufferView): void {
    const kind = kindOf(view);
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    if (bytes.byteLength >= PART_BYTES) {
      this.writeUint32(kind + APART);
      this.parts.push(bytes);
      return;
    }
    this.writeUint32(kind);
    this.writeUint32(bytes.byteLength);
    this.writeRawBytes(bytes);
  }

  _getDataCloneError(message: string): Error {
    return new TypeError(message);
  }
}

class ViewReader extends Deserializer {
  readonly #parts: readonly Uint8Array[];
  #next = 1;

  constructor(head: Buffer, parts: readonly Uint8Array[]) {
    super(head);
    this.#parts = parts;
  }

  _readHostObject(): ArrayBufferView {
    const kind = this.readUint32();
    if (kind < APART) return viewOf(kind, this.readRawBytes(this.readUint32()));
    return viewOf(kind - APART, this.#parts[this.#next++] ?? new Uint8Array());
  }
}

/** A view of that kind on the bytes, which are copied when they are not aligned for it. */
function viewOf(kind: number, bytes: Uint8Array): ArrayBufferView {
  const { buffer, byteOffset, byteLength } = bytes;
  if (kind === BUFFER) return Buffer.from(buffer, byteOffset, byteLength);
  const [viewClass, elementBytes] = VIEWS[kind] ?? [Uint8Array, 1];
  const aligned = byteOffset % elementBytes === 0 && (elementBytes === 1 || byteLength >= PART_BYTES);
  if (aligned) return new viewClass(buffer, byteOffset, byteLength / elementBytes);
  return new viewClass(new Uint8Array(bytes).buffer, 0, byteLength / elementBytes);
}

/** Node's own switch for it is not in its types. */
function treatViewsAsHostObjects(serializer: Serializer): void {
  const { _setTreatArrayBufferViewsAsHostObjects: set } = serializer as Serializer & {
    readonly _setTreatArrayBufferViewsAsHostObjects: (flag: boolean) => void;
  };
  set.call(serializer, true);
}

/** Puts references and handles where their marks stand; each object once, so that cycles end. */
function unmark(value: unknown, options: DecodeOptions, seen: Map<object, unknown>): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (seen.has(value)) return seen.get(value);
  const mark = MARK in value ? markOf(value) : undefined;
  if (mark !== undefined) {
    const whole = "object" in mark ? options.reference(mark.object) : options.handle(mark.handle);
    seen.set(value, whole);
    return whole;
  }
  seen.set(value, value);
  if (value instanceof Map) {
    const entries = [...value];
    value.clear();
    for (const [key, item] of entries) value.set(unmark(key, options, seen), unmark(item, options, seen));
  } else if (value instanceof Set) {
    const items = [...value];
    value.clear();
    for (const item of items) value.add(unmark(item, options, seen));
  } else {
    for (const key of Object.keys(value)) {
      const item: unknown = Reflect.get(value, key);
      if (typeof item === "object") Reflect.set(value, key, unmark(item, options, seen));
    }
  }
  return value;
}
