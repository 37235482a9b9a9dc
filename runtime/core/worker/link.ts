// The worker's side of the channel to the head: messages out, values in and out of shared memory.

import type { Parts } from "../api/core.ts";
import { type SharedMemoryFolder, writeInto } from "../objects/index.ts";
import {
  type FromWorker,
  type Id,
  INLINE_BYTES,
  type WireResult,
  type WireValue,
} from "../workers/messages.ts";

export interface LinkOptions {
  readonly send: (message: FromWorker, parts?: Parts) => void;
  readonly objects: SharedMemoryFolder;
  /** Asks the head for room for an object, and perhaps a file to write over; rejects when there is none. */
  readonly room: (bytes: number, mountIsFull: boolean) => Promise<string | undefined>;
  /** Told of each object that was written. */
  readonly stored: (bytes: number) => void;
}

export class Link {
  readonly #options: LinkOptions;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  send(message: FromWorker, parts?: Parts): void {
    this.#options.send(message, parts);
  }

  /** A value as it is sent: in the message, or as the object file of `object`. */
  store(object: Id, value: Encoded): StoredResult | Promise<StoredResult> {
    const { parts, byteLength, contains } = value;
    if (byteLength <= INLINE_BYTES) return { result: { value: parts.length, contains }, parts };
    return this.#storeFile(object, value);
  }

  async #storeFile(object: Id, { parts, contains }: Encoded): Promise<StoredResult> {
    const { objects, room, stored } = this.#options;
    const fileBytes = await writeInto(objects, { id: object, parts, room });
    stored(fileBytes);
    return { result: { value: { fileBytes }, contains }, parts: [] };
  }

  /** Reads values off the parts of a message, in the order in which it names them. */
  reader(parts: Parts): (object: Id, value: WireValue) => Parts {
    let at = 0;
    return (object, value) => {
      if (typeof value !== "number") return this.#options.objects.open(object);
      at += value;
      return parts.slice(at - value, at);
    };
  }
}

export interface Encoded {
  readonly parts: Parts;
  readonly byteLength: number;
  readonly contains: readonly Id[];
}

export interface StoredResult {
  readonly result: WireResult;
  readonly parts: Parts;
}
