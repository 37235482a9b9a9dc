// Whether a replica is sent batches in shared memory: once it has said that it reads it, and not for a while after it could not.
//
// 1. What failed is tried again, after ever more batches by the socket: a lack of descriptors passes; a replica that may not
//    look into this process stays so, and costs then one batch in thousands a second try.

import { BODY_REGION, REGION } from "../../replicas/index.ts";

/** Batches by the socket before the next try: twice as many after each that fails, until one succeeds. */
const FIRST_PAUSE = 16;
const LONGEST_PAUSE = 4_096;

export class RegionTrust {
  #reads = false;
  #maps = false;
  #pause = FIRST_PAUSE;
  /** Batches until the next try. */
  #left = 0;

  /** Whether it may be sent a batch in a region. */
  get reads(): boolean {
    return this.#reads && this.#left === 0;
  }

  /** Whether it may be sent a body that is mapped. */
  get maps(): boolean {
    return this.#maps && this.#left === 0;
  }

  /** A batch was answered, with what the replica says of itself; `isShared`: it lay in shared memory. */
  answered(headers: Readonly<Record<string, unknown>>, isShared: boolean): void {
    if (isShared) this.#pause = FIRST_PAUSE;
    else if (this.#left > 0) this.#left--;
    this.#reads = headers[REGION] !== undefined;
    this.#maps = headers[BODY_REGION] === "map";
  }

  /** A batch could not be read from shared memory where it still was. */
  failed(): void {
    if (this.#left > 0) return; // sent before the last failure was known
    this.#left = this.#pause;
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE); // invariant 1
  }
}
