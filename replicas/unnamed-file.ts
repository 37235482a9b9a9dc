// A file in shared memory without a name: its descriptor is all there is of it, so it goes with its last holder, also after
// SIGKILL. Another process opens it by the holder's process and descriptor.

import { openSync, readSync, unlinkSync } from "node:fs";
import { randomUUID } from "node:crypto";

const FOLDER = "/dev/shm";

/** A descriptor to read and write, empty; whoever asks closes it. Throws what the system does where there is no such memory. */
export function createUnnamed(): number {
  const path = `${FOLDER}/shoal-${process.pid}-${randomUUID()}`;
  const file = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return file;
}

/** Of another process's: a descriptor of one's own. Throws what the system does when it is gone. */
export function openUnnamed(pid: string, descriptor: string, flags: "r" | "r+"): number {
  return openSync(`/proc/${pid}/fd/${descriptor}`, flags);
}

/** A copy of `byteLength` bytes from `offset` on; throws `short(found)` when there are fewer. */
export function readWhole(
  file: number,
  { offset, byteLength }: { readonly offset: number; readonly byteLength: number },
  short: (found: number) => Error,
): Buffer {
  const bytes = Buffer.allocUnsafeSlow(byteLength);
  for (let filled = 0; filled < byteLength; ) {
    const count = readSync(file, bytes, filled, byteLength - filled, offset + filled);
    if (count === 0) throw short(filled);
    filled += count;
  }
  return bytes;
}
