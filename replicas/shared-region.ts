// The bytes of a batch in memory that two processes share, beside the hop instead of through its socket. A Unix socket takes
// some 200 KB at a time, so of a larger batch that is sent while the replica computes the rest would travel only afterwards.
//
// 1. A region is a file in shared memory without a name: it goes with its last reader, also after SIGKILL.
// 2. It is written by calls to the system, never through a mapping: a full mount is an error then, not a signal.
// 3. One batch at a time lies in it, until its answer: one whose hop ended otherwise is never written again, for its reader
//    may still come.

import { closeSync, writevSync } from "node:fs";
import { ShoalError } from "../runtime/base/index.ts";
import { createUnnamed, openUnnamed, readWhole } from "./unnamed-file.ts";

/** Names a region and how much of it is the batch's, on requests; on answers, that the replica can read regions. */
export const REGION = "x-shoal-region";

/** Linux takes no more pieces in one call. */
const MAX_PARTS = 1_024;

export class SharedRegion {
  readonly #file: number;

  private constructor(file: number) {
    this.#file = file;
  }

  /** Throws what the system does where there is no such memory. */
  static create(): SharedRegion {
    return new SharedRegion(createUnnamed()); // invariant 1
  }

  /** Writes the parts behind each other and gives what a reader needs; undefined when there is no memory for them. */
  write(parts: readonly Uint8Array[]): string | undefined {
    let left = parts;
    let offset = 0;
    while (left.length > 0) {
      let written: number;
      try {
        written = writevSync(this.#file, left.slice(0, MAX_PARTS), offset); // invariant 2
      } catch {
        return undefined;
      }
      offset += written;
      left = after(left, written);
    }
    return `${process.pid}/${this.#file}/${offset}`;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** What of the parts is behind the first `written` bytes. */
function after(parts: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let rest = written;
  for (const [index, part] of parts.entries()) {
    if (rest < part.byteLength) return [part.subarray(rest), ...parts.slice(index + 1)];
    rest -= part.byteLength;
  }
  return [];
}

/** A copy of the batch that a `REGION` header names. Throws INVALID_ARGUMENT when it is not there. */
export function readRegion(header: string): Buffer {
  const [, pid, descriptor, size] = /^(\d{1,10})\/(\d{1,10})\/(\d{1,15})$/.exec(header) ?? [];
  const wanted = Number(size);
  if (pid === undefined || descriptor === undefined) throw unreadable("its name is none");
  let file: number;
  try {
    file = openUnnamed(pid, descriptor, "r");
  } catch (cause) {
    throw unreadable("its region is gone", cause);
  }
  try {
    const all = { offset: 0, byteLength: wanted };
    return readWhole(file, all, (found) => unreadable(`found ${found} bytes, wanted ${wanted}`));
  } finally {
    closeSync(file);
  }
}

function unreadable(what: string, cause?: unknown): ShoalError {
  return new ShoalError("INVALID_ARGUMENT", `Cannot read the batch from shared memory: ${what}`, { cause });
}
