// Whether any process has a file open or mapped, asked of the kernel: it gives a write lease to the only user of a file.
//
// 1. The file has a name that nobody else knows. Should somebody open it nevertheless while the lease is held, the signal
//    for that is one that does nothing: the usual one would end this process.

import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { openLibc } from "../libc.ts";

const F_SETSIG = 10;
const F_SETLEASE = 1_024;
const F_WRLCK = 1;

type Lease = (file: number) => boolean;

let lease: Lease | undefined | null = null;

/** False also where the kernel cannot be asked. Throws what opening throws. */
export function isUnused(path: string): boolean {
  if (lease === null) lease = findLease();
  if (lease === undefined) return false;
  const file = openSync(path, "r");
  try {
    return lease(file);
  } finally {
    closeSync(file); // and the lease with it
  }
}

function findLease(): Lease | undefined {
  const signature = { arguments: ["i32", "i32", "i32"], return: "i32" };
  const fcntl = openLibc({ fcntl: signature })?.functions.fcntl;
  if (fcntl === undefined) return undefined;
  return (file) =>
    fcntl(file, F_SETSIG, constants.signals.SIGURG) === 0 && fcntl(file, F_SETLEASE, F_WRLCK) === 0; // invariant 1
}
