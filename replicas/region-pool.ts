// The regions of the batches on their way to one replica: as many as it has at once, used again and again, for memory that
// was touched before is several times as quick to write.

import { SharedRegion } from "./shared-region.ts";

/** Above this a batch goes through the socket: what is kept for the next one would be too much. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Below this the socket takes all at once, and is as quick. */
const MIN_BYTES = 192 * 1024;
/** Kept for the next batches. */
const MAX_SPARE = 4;

/** A batch in a region. */
export interface Placed {
  /** For the `REGION` header. */
  readonly header: string;
  /** The batch was answered: the region is free for the next. */
  done(): void;
  /** No answer came: nobody may write there again. */
  lost(): void;
}

export class RegionPool {
  #spare: SharedRegion[] = [];
  #open = true;

  /** Puts a batch into a region; undefined when the socket shall take it. */
  place(parts: readonly Uint8Array[], byteLength: number): Placed | undefined {
    if (!this.#open || byteLength < MIN_BYTES || byteLength > MAX_BYTES) return undefined;
    const region = this.#spare.pop() ?? create();
    if (region === undefined) return undefined;
    const header = region.write(parts);
    if (header === undefined) {
      region.close();
      return undefined;
    }
    return {
      header,
      done: () => {
        if (this.#open && this.#spare.length < MAX_SPARE) this.#spare.push(region);
        else region.close();
      },
      lost: () => region.close(),
    };
  }

  /** Closes those that no batch lies in; the others are closed with their batches. */
  close(): void {
    this.#open = false;
    for (const region of this.#spare.splice(0)) region.close();
  }
}

/** Undefined where there is no such memory, or no descriptor is left: looking each time costs little beside such a batch. */
function create(): SharedRegion | undefined {
  try {
    return SharedRegion.create();
  } catch {
    return undefined;
  }
}
