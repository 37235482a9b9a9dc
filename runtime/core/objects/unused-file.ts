// Whether any process has a file open or mapped, asked of the kernel: it gives a write lease to the only user of a file.
//
// 1. The file must have a name that nobody else knows: who opened it while the lease is held would have the kernel signal
//    this process.

import { closeSync, openSync } from "node:fs";
import { openLibc } from "../libc.ts";

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
  return fcntl === undefined ? undefined : (file) => fcntl(file, F_SETLEASE, F_WRLCK) === 0;
}
