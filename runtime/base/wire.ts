// The binary tensor layout: a JSON header, then the raw bytes of the tensors in the header's order. The V2
// binary extension and the hop to replicas both speak it, so any process that serves V2 can be a replica.
//
// 1. We pad our headers with spaces to a multiple of 8 bytes, so that a tensor whose predecessors are of
//    such sizes can be viewed in place.
// 2. Nothing in a header is trusted: every size is checked against the bytes that are there.

import { DATATYPES, type Datatype, isDatatype } from "./datatypes.ts";
import { ShoalError } from "./errors.ts";
import { checkTensor, type Tensor } from "./tensor.ts";

/** The header that gives the length of the JSON part, as the V2 binary extension names it. */
export const HEADER_LENGTH = "inference-header-content-length";

/** The JSON header of `fields`, padded to a multiple of 8 bytes (invariant 1). */
export function encodeHeader(fields: unknown): string {
  const json = JSON.stringify(fields);
  // Byte length, not string length: names may hold any character.
  const excess = Buffer.byteLength(json) % 8;
  return excess === 0 ? json : json + " ".repeat(8 - excess);
}

/** How a tensor is described in a header when its elements follow in binary. */
export function binaryDescription(tensor: Tensor): object {
  return {
    name: tensor.name,
    datatype: tensor.datatype,
    shape: tensor.shape,
    parameters: { binary_data_size: tensor.bytes.byteLength },
  };
}

/** Cuts the next `size` bytes for tensor `name` out of `body`; throws when they are not there (invariant 2). */
export function takeBinary(
  body: Uint8Array,
  offset: number,
  take: { name: string; size: unknown },
): Uint8Array {
  const { name, size } = take;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot read tensor "${name}": found binary_data_size ${JSON.stringify(size)}, wanted a whole number of bytes`,
    );
  }
  if (offset + size > body.byteLength) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot read tensor "${name}": found ${body.byteLength - offset} bytes left in the body, wanted ${size}`,
    );
  }
  return body.subarray(offset, offset + size);
}

/** Reads a whole binary body of tensors as our own processes write it: every tensor binary, none left over. */
export function decodeTensors(described: unknown, body: Uint8Array): Tensor[] {
  if (!Array.isArray(described)) {
    throw new ShoalError("INVALID_ARGUMENT", "Cannot read tensors: wanted a list of descriptions");
  }
  let offset = 0;
  const tensors = described.map((entry: Record<string, unknown> | null): Tensor => {
    const { name, datatype, shape, parameters } = entry ?? {};
    if (typeof name !== "string" || !isDatatype(datatype) || !isListOfNumbers(shape)) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot read a tensor: found ${JSON.stringify({ name, datatype, shape }).slice(0, 200)}, wanted name, datatype and shape`,
      );
    }
    const size = (parameters as Record<string, unknown> | null | undefined)?.["binary_data_size"];
    const bytes = takeBinary(body, offset, { name, size });
    offset += bytes.byteLength;
    const tensor = { name, datatype, shape, bytes };
    checkTensor(tensor); // invariant 2
    return tensor;
  });
  if (offset !== body.byteLength) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot read tensors: found ${body.byteLength - offset} bytes behind the last one`,
    );
  }
  return tensors;
}

function isListOfNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => typeof size === "number");
}

/** Bytes per element, 0 for BYTES. */
export function elementBytesOf(datatype: Datatype): number {
  return DATATYPES[datatype].elementBytes;
}
