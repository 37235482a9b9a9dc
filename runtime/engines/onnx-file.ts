// What onnxruntime-node does not tell, read from the .onnx file itself: which tensor has a type it cannot
// handle, whether an empty shape is a scalar or an unknown rank, and which external files the weights are in.
//
// ONNX is protobuf; this walks the few fields it needs (onnx.proto3) and skips the rest unread, so a file of
// gigabytes costs a few thousand small reads. It runs only when there is a question, not on every load.
//
// 1. A length in the file is never trusted: every field must end within its parent.
// 2. Anything unexpected ends the walk with undefined: this file explains failures, it must not cause any.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

export interface OnnxValue {
  readonly name: string;
  /** `tensor`, or what else the value is. */
  readonly kind: "tensor" | "sequence" | "map" | "optional" | "sparse tensor";
  /** TensorProto.DataType; 0 for what is not a tensor. */
  readonly elementType: number;
  /** False when the rank is unknown. */
  readonly hasShape: boolean;
}

export interface OnnxFile {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Each file once. */
  readonly externalData: readonly ExternalData[];
}

/** A file that holds weights of the model. */
export interface ExternalData {
  /** Relative to the model's folder, as the model says. */
  readonly location: string;
  /** Bytes that it must have at least; 0 when the model does not say. */
  readonly bytes: number;
}

/** Undefined when the file is not there or is no ONNX protobuf (invariant 2). */
export function readOnnxFile(path: string): OnnxFile | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    return readModel(file);
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

function readModel(file: number): OnnxFile {
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const external = new Map<string, number>();
  for (const graph of fields(file, { start: 0, end: fstatSync(file).size })) {
    if (graph.number !== 7) continue; // ModelProto.graph
    for (const field of fields(file, graph)) {
      if (field.number === 11) inputs.push(readValue(file, field)); // GraphProto.input
      if (field.number === 12) outputs.push(readValue(file, field)); // GraphProto.output
      if (field.number === 5) readLocations(file, field, external); // GraphProto.initializer
    }
  }
  return { inputs, outputs, externalData: [...external].map(([location, bytes]) => ({ location, bytes })) };
}

const KINDS = new Map<number, OnnxValue["kind"]>([
  [1, "tensor"],
  [4, "sequence"],
  [5, "map"],
  [8, "sparse tensor"],
  [9, "optional"],
]);

/** ValueInfoProto: name = 1, type = 2; Tensor: elem_type = 1, shape = 2. */
function readValue(file: number, value: Span): OnnxValue {
  let name = "";
  let kind: OnnxValue["kind"] = "tensor";
  let elementType = 0;
  let hasShape = false;
  for (const field of fields(file, value)) {
    if (field.number === 1) name = readText(file, field);
    if (field.number !== 2) continue;
    for (const type of fields(file, field)) {
      kind = KINDS.get(type.number) ?? kind;
      if (type.number !== 1) continue;
      for (const part of fields(file, type)) {
        if (part.number === 1) elementType = part.value;
        if (part.number === 2) hasShape = true;
      }
    }
  }
  return { name, kind, elementType, hasShape };
}

/** TensorProto.external_data = 13, pairs of key = 1 and value = 2; the keys `location`, `offset` and `length`. */
function readLocations(file: number, tensor: Span, into: Map<string, number>): void {
  const pairs = new Map<string, string>();
  for (const field of fields(file, tensor)) {
    if (field.number !== 13) continue;
    const pair: string[] = [];
    for (const part of fields(file, field)) pair[part.number - 1] = readText(file, part);
    if (pair[0] !== undefined && pair[1] !== undefined) pairs.set(pair[0], pair[1]);
  }
  const location = pairs.get("location");
  if (location === undefined) return;
  const end = Number(pairs.get("offset") ?? 0) + Number(pairs.get("length") ?? 0);
  into.set(location, Math.max(into.get(location) ?? 0, Number.isSafeInteger(end) ? end : 0));
}

interface Span {
  readonly start: number;
  readonly end: number;
}

interface Field extends Span {
  readonly number: number;
  /** Of a varint; 0 otherwise. */
  readonly value: number;
}

const MAX_TEXT_BYTES = 4096;
const HEAD_BYTES = 20;

/** The fields of one message, in file order. Throws on what is not protobuf. */
function* fields(file: number, message: Span): Generator<Field> {
  const head = Buffer.alloc(HEAD_BYTES);
  for (let offset = message.start; offset < message.end; ) {
    head.fill(0);
    readSync(file, head, 0, HEAD_BYTES, offset);
    const tag = varint(head, 0);
    const number = Math.floor(tag.value / 8);
    const kind = tag.value % 8;
    const body = kind === 0 || kind === 2 ? varint(head, tag.end) : { value: 0, end: tag.end };
    const start = offset + body.end;
    const size = kind === 2 ? body.value : kind === 1 ? 8 : kind === 5 ? 4 : 0;
    const end = start + size;
    // Invariant 1. Groups (3 and 4) are not in onnx.proto.
    if (number === 0 || kind === 3 || kind === 4 || kind > 5 || end > message.end)
      throw new RangeError("no protobuf");
    yield { number, value: kind === 0 ? body.value : 0, start, end };
    offset = end;
  }
}

function varint(bytes: Buffer, from: number): { value: number; end: number } {
  let value = 0;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[from + index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: from + index + 1 };
  }
  throw new RangeError("no protobuf");
}

function readText(file: number, span: Span): string {
  const bytes = Buffer.alloc(Math.min(span.end - span.start, MAX_TEXT_BYTES));
  readSync(file, bytes, 0, bytes.byteLength, span.start);
  return bytes.toString("utf8");
}
