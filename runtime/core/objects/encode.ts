// Values ↔ bytes: the structured clone of Node, with large binary parts beside it and not in it.
//
//   parts[0] = kind │ text or clone        parts[1…] = the bytes of large views and buffers
//
// 1. What comes out is equal to what went in: typed arrays, buffers, maps, dates, errors, cycles.
// 2. Only the bytes a view shows are written, never the rest of its buffer.
// 3. A small value is a snapshot: what its owner or a reader writes later into its memory changes nobody else's. The
//    parts of a large one are views on the owner's memory until they are written, and its reader's are views on what
//    was given.
// 4. An Arrow table is written as the bytes of its format, wherever it stands. Values without tables are not searched for
//    them: a clone that shows no member of theirs has none in it.

import { Deserializer, Serializer } from "node:v8";
import { ShoalError } from "../../base/index.ts";
import type { Id } from "../workers/messages.ts";
import { tableOn } from "./arrow-tables.ts";
import { type Marks, marksIn, SEAL } from "./marks.ts";
import { fromTextWithGaps, toPlainText } from "./plain-text.ts";
import { beginsWithTables, withoutTables } from "./tables-in-value.ts";
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
/** A clone with marks in it, which have to be found again; what they stand for follows it, and their seal. */
const MARKED_CLONE = 4;

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
    const reader = new ValueReader(head.subarray(1), parts);
    const value = reader.read();
    return head[0] === MARKED_CLONE ? unmark(value, reader.readMarks(), options) : value;
  } catch (cause) {
    if (cause instanceof ShoalError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ShoalError("OBJECT_LOST", `Cannot decode a value of ${parts.length} parts: ${why}`, { cause });
  }
}

function clone(value: unknown, onReference: (id: Id) => void): EncodedValue {
  let written: Written;
  try {
    written = write(value);
  } catch (cause) {
    if (cause instanceof ShoalError && cause.code === "UNSUPPORTED") throw cause; // of a table
    const why = findUncloneable(value, canClone) ?? (cause instanceof Error ? cause.message : String(cause));
    throw new ShoalError("INVALID_ARGUMENT", `it cannot be sent to another process: ${why}`, { cause });
  }
  const { head, parts, marks } = written;
  for (const id of marks) onReference(id);
  const byteLength = parts.reduce((sum, part) => sum + part.byteLength, head.byteLength);
  const own = byteLength <= SNAPSHOT_BYTES ? parts.map((part) => new Uint8Array(part)) : parts;
  return { parts: [head, ...own], byteLength };
}

function canClone(value: unknown): boolean {
  try {
    write(value);
    return true;
  } catch {
    return false;
  }
}

interface Written {
  readonly head: Buffer;
  readonly parts: readonly Uint8Array[];
  /** References and handles inside. */
  readonly marks: readonly Id[];
}

/** A member of every table, by which its clone is told from others'. */
const TABLE_MEMBER = "batches";

/** Invariant 4. */
function write(value: unknown): Written {
  let plain: Written | undefined;
  let failure: unknown;
  if (!beginsWithTables(value)) {
    try {
      plain = writeAs(value);
      if (!plain.head.includes(TABLE_MEMBER)) return plain;
    } catch (thrown) {
      failure = thrown; // perhaps of something in a table
    }
  }
  const replaced = withoutTables(value);
  if (replaced.bytes.size > 0) return writeAs(replaced.value, replaced.bytes);
  if (plain === undefined) throw failure;
  return plain;
}

function writeAs(value: unknown, bytesOfTables: ReadonlySet<ArrayBufferView> = NO_TABLES): Written {
  const writer = new ValueWriter(bytesOfTables);
  const marks = marksIn(() => writer.write(value));
  if (marks.length > 0) {
    writer.writeValue(marks);
    writer.writeDouble(SEAL);
  }
  const head = writer.releaseBuffer();
  head[0] = marks.length === 0 ? CLONE : MARKED_CLONE;
  const ids = marks.map((mark) => (typeof mark === "number" ? mark : mark.actor));
  return { head, parts: writer.parts, marks: ids };
}

const NO_TABLES: ReadonlySet<ArrayBufferView> = new Set();

/** Room for the kind. */
const KIND = new Uint8Array(1);
/** Added to the kind of a view whose bytes are a part. */
const APART = KIND_LIMIT;
/** The kind of a view whose bytes are an Arrow table. */
const TABLE = KIND_LIMIT - 1;
class ValueWriter extends Serializer {
  readonly parts: Uint8Array[] = [];
  readonly #bytesOfTables: ReadonlySet<ArrayBufferView>;

  /** Those views that are the bytes of tables. */
  constructor(bytesOfTables: ReadonlySet<ArrayBufferView>) {
    super();
    this.#bytesOfTables = bytesOfTables;
    treatViewsAsHostObjects(this);
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

  /** Those of the value that was read. */
  readMarks(): Marks {
    return { list: this.readValue() as Marks["list"], seal: this.readDouble() };
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
