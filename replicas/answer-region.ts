// Room for a large answer, in shared memory: the replica has its outputs written there, and what the client is sent is
// the same memory. The gateway makes it, empty, and holds it; so it goes with its request.

import type { Tensor } from "../runtime/base/index.ts";
import { MappedRegion } from "./mapped-region.ts";

/** On requests, the room's name; on answers, how many bytes of outputs lie there. */
export const ANSWER_REGION = "x-shoal-answer-region";

/** The gateway's side. */
export class AnswerRegion implements Disposable {
  readonly #region: MappedRegion;

  private constructor(region: MappedRegion) {
    this.#region = region;
  }

  /** Undefined where there is no such memory. */
  static create(): AnswerRegion | undefined {
    const region = MappedRegion.create();
    return region && new AnswerRegion(region);
  }

  get name(): string {
    return this.#region.name;
  }

  /** What the replica put there; the region ends with it. Throws INVALID_ARGUMENT when it is less. */
  take(byteLength: number): Uint8Array {
    const bytes = this.#region.map(0, byteLength);
    if (bytes !== undefined) return bytes;
    using _region = this.#region;
    return _region.read(0, byteLength);
  }

  [Symbol.dispose](): void {
    this.#region[Symbol.dispose]();
  }
}

/** The replica's side. */
export class AnswerRoom {
  readonly #name: string;
  #bytes: Uint8Array | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** So much memory, to be freed by `freeLarge`; undefined when it cannot be had, and the second time. */
  readonly take = (byteLength: number): Uint8Array | undefined => {
    if (this.#bytes !== undefined) return undefined;
    let region: MappedRegion;
    try {
      region = MappedRegion.open(this.#name);
    } catch {
      return undefined; // who asked is gone
    }
    this.#bytes = region.grow(byteLength);
    if (this.#bytes === undefined) region[Symbol.dispose]();
    return this.#bytes;
  };

  /** Whether outputs are what lies there. */
  holds(outputs: readonly Tensor[]): boolean {
    return this.#bytes !== undefined && outputs.every(({ bytes }) => bytes.buffer === this.#bytes?.buffer);
  }

  /** What was taken. */
  get bytes(): Uint8Array | undefined {
    return this.#bytes;
  }
}
