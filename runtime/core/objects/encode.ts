// Values ↔ bytes: the structured clone of Node, with large binary parts beside it and not in it.
//
//   parts[0] = kind │ text or clone        parts[1…] = the bytes of large views and buffers
//
// 1. What comes out is equal to what went in: typed arrays, buffers, maps, dates, errors, cycles.
// 2. Only the bytes a view shows are written, never the rest of its buffer.
// 3. A small value is a snapshot: what its owner or a reader writes later into its memory changes nobody else's. The
//    parts of a large one are views on the owner's memory until they are written, and its reader's are views on what
//    was given.
// 4. An Arrow table is written as the bytes of its format where it is the value, or a member of plain data down to
//    TABLE_DEPTH, not in long lists of other things; elsewhere it is an object like any other.

import { Deserializer, Serializer } from "node:v8";
import { ShoalError } from "../../base/index.ts";
import type { Id } from "../workers/messages.ts";
import { isTable, tableOn, tableToBytes } from "./arrow-tables.ts";
import { noticingMarks, SEAL } from "./marks.ts";
import { fromTextWithGaps, toPlainText } from "./plain-text.ts";
import { idsOfList, readIds, writeIds } from "./reference-list.ts";
import { findUncloneable } from "./uncloneable.ts";
import { type DecodeOptions, unmark } from "./unmark.ts";
import { KIND_LIMIT, kindOf, viewOn, viewOnCopy } from "./views.ts";

/** Views and buffers of this many bytes or more are parts of their own. */
const PART_BYTES = 4_096;
/** Up to this size values are kept in memory and travel in messages (invariant 3): Ray's limit. */
const SNAPSHOT_BYTES = 100 * 1_024;

const TEXT = 1;
const TEXT_WITH_GAPS = 2;
const CLONE = 3;
/** A clone with marks in it, which have to be found again; their seal follows it. */
const MARKED_CLONE = 4;
/** The ids of a list of references. */
const REFERENCES = 5;

export interface EncodedValue {
  /** None for undefined. */
  readonly parts: readonly Uint8Array[];
  readonly byteLength: number;
}

const NOTHING: EncodedValue = { parts: [], byteLength: 0 };

/**
 * Throws INVALID_ARGUMENT naming the member that cannot be sent, such as `[0].run is a function`. `onReference` is told
 * of each reference and actor handle inside. Throws UNSUPPORTED for an Arrow table whose library is not found.
 */
export function encodeValue(value: unknown, onReference: (id: Id) => void): EncodedValue {
  if (value === undefined) return NOTHING;
  const ids = idsOfList(value);
  if (ids !== undefined) return listOf(ids, onReference);
  const plain = toPlainText(value);
  if (plain === undefined) return clone(value, onReference);
  const part = Buffer.allocUnsafe(1 + Buffer.byteLength(plain.text));
  part[0] = plain.kind === "TEXT" ? TEXT : TEXT_WITH_GAPS;
  part.write(plain.text, 1);
  return { parts: [part], byteLength: part.byteLength };
}

/** Undefined for no parts. Throws OBJECT_LOST for bytes that `encodeValue` did not write. */
export function decodeValue(parts: readonly Uint8Array[], options: DecodeOptions): unknown {
  const [first] = parts;
  if (first === undefined) return undefined;
  const head = Buffer.from(first.buffer, first.byteOffset, first.byteLength);
  try {
    if (head[0] === TEXT) return JSON.parse(head.toString("utf8", 1));
    if (head[0] === TEXT_WITH_GAPS) return fromTextWithGaps(head.toString("utf8", 1));
    if (head[0] === REFERENCES) return readIds(head, options.reference);
    const reader = new ValueReader(head.subarray(1), parts);
    const value = reader.read();
    return head[0] === MARKED_CLONE ? unmark(value, reader.readDouble(), options) : value;
  } catch (cause) {
    if (cause instanceof ShoalError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ShoalError("OBJECT_LOST", `Cannot decode a value of ${parts.length} parts: ${why}`, { cause });
  }
}

function listOf(ids: readonly Id[], onReference: (id: Id) => void): EncodedValue {
  for (const id of ids) onReference(id);
  const part = writeIds(ids, REFERENCES);
  return { parts: [part], byteLength: part.byteLength };
}

function clone(value: unknown, onReference: (id: Id) => void): EncodedValue {
  const writer = new ValueWriter();
  let marks = 0;
  const onMark = (id: Id): void => {
    marks++;
    onReference(id);
  };
  try {
    const written = writer.withoutTables(value);
    noticingMarks(onMark, () => writer.write(written));
  } catch (cause) {
    if (cause instanceof ShoalError && cause.code === "UNSUPPORTED") throw cause; // of a table
    const why = findUncloneable(value, canClone) ?? (cause instanceof Error ? cause.message : String(cause));
    throw new ShoalError("INVALID_ARGUMENT", `it cannot be sent to another process: ${why}`, { cause });
  }
  if (marks > 0) writer.writeDouble(SEAL);
  const head = writer.releaseBuffer();
  head[0] = marks === 0 ? CLONE : MARKED_CLONE;
  const byteLength = writer.parts.reduce((sum, part) => sum + part.byteLength, head.byteLength);
  const parts =
    byteLength <= SNAPSHOT_BYTES ? writer.parts.map((part) => new Uint8Array(part)) : writer.parts;
  return { parts: [head, ...parts], byteLength };
}

function canClone(value: unknown): boolean {
  try {
    const writer = new ValueWriter();
    writer.write(writer.withoutTables(value));
    return true;
  } catch {
    return false;
  }
}

/** Room for the kind. */
const KIND = new Uint8Array(1);
/** Added to the kind of a view whose bytes are a part. */
const APART = KIND_LIMIT;
/** The kind of a view whose bytes are an Arrow table. */
const TABLE = KIND_LIMIT - 1;
/** Of an argument, its members and theirs. */
const TABLE_DEPTH = 3;
/** Longer lists are searched only when their first item is a table. */
const MAX_SEARCHED = 64;

class ValueWriter extends Serializer {
  readonly parts: Uint8Array[] = [];
  /** Those that stand for tables. */
  readonly #tables = new Map<object, Uint8Array>();
  readonly #bytesOfTables = new Set<ArrayBufferView>();

  constructor() {
    super();
    treatViewsAsHostObjects(this);
  }

  /** What `write` wants for it: itself when no table is in it, else a copy of what leads to them (invariant 4). */
  withoutTables(value: unknown): unknown {
    return this.#withoutTables(value, TABLE_DEPTH);
  }

  write(value: unknown): void {
    const buffers = largeBuffersIn(value);
    this.writeRawBytes(KIND);
    this.writeHeader();
    this.writeUint32(buffers.length);
    for (const [index, buffer] of buffers.entries()) {
      this.transferArrayBuffer(index, buffer);
      this.parts.push(new Uint8Array(buffer));
    }
    this.writeValue(value);
  }

  /** Called by the serializer for each view (invariant 2). */
  _writeHostObject(view: ArrayBufferView): void {
    if (!ArrayBuffer.isView(view)) throw new TypeError("an object of the platform");
    const kind = this.#bytesOfTables.has(view) ? TABLE : kindOf(view);
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

  #withoutTables(value: unknown, depth: number): unknown {
    if (!isObject(value)) return value;
    if (isTable(value)) return this.#bytesOf(value);
    if (depth === 0 || !mayHoldTables(value)) return value;
    let copy: object | undefined;
    for (const [key, member] of Object.entries(value)) {
      const written = this.#withoutTables(member, depth - 1);
      if (written === member) continue;
      copy ??= Object.assign(Array.isArray(value) ? value.slice() : {}, value);
      Reflect.set(copy, key, written);
    }
    return copy ?? value;
  }

  #bytesOf(table: object): Uint8Array {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const bytes = tableToBytes(table);
    this.#tables.set(table, bytes);
    this.#bytesOfTables.add(bytes);
    return bytes;
  }
}

class ValueReader extends Deserializer {
  readonly #parts: readonly Uint8Array[];
  readonly #isSmall: boolean;
  #next = 1;

  constructor(head: Buffer, parts: readonly Uint8Array[]) {
    super(head);
    this.#parts = parts;
    this.#isSmall = parts.reduce((sum, { byteLength }) => sum + byteLength, 0) <= SNAPSHOT_BYTES;
  }

  read(): unknown {
    this.readHeader();
    const buffers = this.readUint32();
    // A buffer cannot begin within another: these are copies.
    for (let index = 0; index < buffers; index++) {
      this.transferArrayBuffer(index, new Uint8Array(this.#take()).buffer);
    }
    return this.readValue();
  }

  _readHostObject(): object {
    const kind = this.readUint32();
    if (kind < APART) return this.#made(kind, this.readRawBytes(this.readUint32()), true);
    return this.#made(kind - APART, this.#take(), this.#isSmall); // invariant 3
  }

  #made(kind: number, bytes: Uint8Array, copied: boolean): object {
    if (kind === TABLE) return tableOn(copied ? new Uint8Array(bytes) : bytes);
    return copied ? viewOnCopy(kind, bytes) : viewOn(kind, bytes);
  }

  #take(): Uint8Array {
    const part = this.#parts[this.#next++];
    if (part === undefined) throw new Error(`part ${this.#next - 1} is missing`);
    return part;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Not a long list of other things: looking into every row of it takes as long as writing it. */
function mayHoldTables(value: object): boolean {
  if (!Array.isArray(value)) return Object.getPrototypeOf(value) === Object.prototype;
  return value.length <= MAX_SEARCHED || (isObject(value[0]) && isTable(value[0]));
}

/**
 * Large buffers that are the value or an item of it. The serializer must be told of them before; those further down
 * are written into the clone.
 */
function largeBuffersIn(value: unknown): ArrayBuffer[] {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [];
  if (isLargeBuffer(value)) return [value];
  const found = new Set<ArrayBuffer>();
  if (Array.isArray(value)) for (const item of value) if (isLargeBuffer(item)) found.add(item);
  return [...found];
}

function isLargeBuffer(value: unknown): value is ArrayBuffer {
  return value instanceof ArrayBuffer && value.byteLength >= PART_BYTES;
}

/** Node's own switch for it is not in its types. */
function treatViewsAsHostObjects(serializer: Serializer): void {
  const { _setTreatArrayBufferViewsAsHostObjects: set } = serializer as Serializer & {
    readonly _setTreatArrayBufferViewsAsHostObjects: (flag: boolean) => void;
  };
  set.call(serializer, true);
}
