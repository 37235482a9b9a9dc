// A request's body on its way from the client to a replica, in shared memory from the first: what is kept for another
// replica and what the replica computes from are one.
//
// 1. The elements of its tensors begin where every datatype may.
// 2. It grows with what has arrived, not with what was announced.
// 3. It travels as memory only when `freeLarge` will free its elements: of a large body with few of them the reader would
//    hold the whole file for as long as its collector sees no need.

import { LARGE_BYTES } from "../runtime/base/index.ts";
import { canMapRegions, MappedRegion } from "./mapped-region.ts";

/** The elements of a batch in a region: its name, where they begin, and how many bytes; on answers, that the replica maps regions. */
export const BODY_REGION = "x-shoal-body-region";

/** What the replica says of itself on its answers. */
export const MAPS_REGIONS = canMapRegions() ? "map" : "none";

const ALIGNMENT = 64;

interface Place {
  readonly region: MappedRegion;
  readonly offset: number;
}

/** Bodies as memory. */
const places = new WeakMap<ArrayBufferLike, Place>();

export class BodyRegion implements Disposable {
  readonly #region: MappedRegion;
  readonly #offset: number;

  private constructor(region: MappedRegion, offset: number) {
    this.#region = region;
    this.#offset = offset;
  }

  /** For a body with so many bytes before its elements; undefined where there is no such memory. */
  static create(headerLength: number): BodyRegion | undefined {
    const region = MappedRegion.create();
    const before = headerLength % ALIGNMENT;
    return region && new BodyRegion(region, before === 0 ? 0 : ALIGNMENT - before); // invariant 1
  }

  /** False when there is no memory for it (invariant 2). */
  write(bytes: Uint8Array, at: number): boolean {
    return this.#region.write(bytes, this.#offset + at);
  }

  /** A copy of the first bytes, for where no more can be had. */
  read(byteLength: number): Buffer {
    return this.#region.read(this.#offset, byteLength);
  }

  /** All that was written, as memory; the region ends with it. Undefined when the system refuses. */
  map(byteLength: number): Buffer | undefined {
    const bytes = this.#region.map(this.#offset, byteLength);
    if (bytes === undefined) return undefined;
    places.set(bytes.buffer, { region: this.#region, offset: this.#offset });
    return Buffer.from(bytes.buffer, 0, byteLength);
  }

  [Symbol.dispose](): void {
    this.#region[Symbol.dispose]();
  }
}

/**
 * Where these parts lie behind each other in a region, for the `BODY_REGION` header; undefined when they do not, or are as
 * quick to send.
 */
export function placeOf(parts: readonly Uint8Array[]): string | undefined {
  const [first] = parts;
  const place = first === undefined ? undefined : places.get(first.buffer);
  if (first === undefined || place === undefined) return undefined;
  let end = first.byteOffset;
  for (const { buffer, byteOffset, byteLength } of parts) {
    if (buffer !== first.buffer || byteOffset !== end) return undefined;
    end += byteLength;
  }
  if (end - first.byteOffset < LARGE_BYTES) return undefined; // invariant 3
  return `${place.region.name}/${place.offset + first.byteOffset}/${end - first.byteOffset}`;
}

/** The elements that a `BODY_REGION` header names, to be freed by `freeLarge`. Throws INVALID_ARGUMENT. */
export function openBody(header: string): Buffer {
  const [, name = "", offset, byteLength] = /^(.{1,50})\/(\d{1,15})\/(\d{1,15})$/.exec(header) ?? [];
  const size = Number(byteLength);
  const region = MappedRegion.open(name);
  let bytes: Uint8Array | undefined;
  try {
    bytes = region.map(Number(offset), size);
    return bytes === undefined ? region.read(Number(offset), size) : Buffer.from(bytes.buffer, 0, size);
  } finally {
    if (bytes === undefined) region[Symbol.dispose]();
  }
}
