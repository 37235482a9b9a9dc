// Remembers what the last JSON header of a model's binary requests came to. A client that sends tensor after
// tensor repeats its header byte for byte; comparing some hundred bytes is a tenth of decoding them again.
//
// 1. A hit gives what decoding would give: the header's bytes and the signature are all that decoding reads, but
//    for the elements of BYTES inputs, which are checked every time.
// 2. One header a signature, of bounded size: nothing a client sends can make it grow.

import { checkTensor, type Tensor } from "../../runtime/base/index.ts";
import type { Signature } from "../../runtime/engines/index.ts";
import type { V2Request } from "./v2-request.ts";

/** Where an input's bytes lie behind the header. */
export interface Cut {
  readonly start: number;
  readonly end: number;
}

interface Remembered {
  readonly header: Buffer;
  readonly request: V2Request;
  /** In the order of `request.inputs`. */
  readonly cuts: readonly Cut[];
  readonly binaryBytes: number;
}

const MAX_HEADER_BYTES = 4096;

const memory = new WeakMap<Signature, Remembered>();

/** The request, when its header is the remembered one. */
export function recall(header: Uint8Array, binary: Uint8Array, signature: Signature): V2Request | undefined {
  const last = memory.get(signature);
  if (last === undefined || last.binaryBytes !== binary.byteLength || !last.header.equals(header))
    return undefined;
  const { request, cuts } = last;
  const inputs = request.inputs.map((input, index): Tensor => {
    const { start, end } = cuts[index] ?? { start: 0, end: 0 };
    const { name, datatype, shape } = input;
    const tensor = { name, datatype, shape, bytes: binary.subarray(start, end) };
    if (datatype === "BYTES") checkTensor(tensor); // invariant 1
    return tensor;
  });
  return { ...request, inputs };
}

/** Keeps a decoded request whose inputs are all binary, with where their bytes were. */
export function remember(
  header: Uint8Array,
  binary: Uint8Array,
  { request, signature }: { readonly request: V2Request; readonly signature: Signature },
): void {
  if (header.byteLength > MAX_HEADER_BYTES) return; // invariant 2
  const cuts = request.inputs.map(({ bytes }): Cut => {
    const start = bytes.byteOffset - binary.byteOffset;
    return { start, end: start + bytes.byteLength };
  });
  // The elements belong to their request, not to the memory of its header.
  const inputs = request.inputs.map((input) => ({ ...input, bytes: EMPTY }));
  memory.set(signature, {
    header: Buffer.from(header),
    request: { ...request, inputs },
    cuts,
    binaryBytes: binary.byteLength,
  });
}

const EMPTY = new Uint8Array(0);
