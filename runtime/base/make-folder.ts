// A folder with all that lead to it.
//
// 1. It ends: Node's own `recursive` goes round for ever where a folder is there and nothing can be made in it, as in /proc
//    (nodejs 26).

import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { systemCodeOf } from "./errors.ts";

/** As `mkdir -p`; `mode` is that of every folder made. Throws the system's error, such as EACCES, ENOTDIR, ENOENT. */
export function makeFolder(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (thrown) {
    const code = systemCodeOf(thrown);
    const parent = dirname(path);
    if (code === "EEXIST" && statSync(path).isDirectory()) return;
    if (code !== "ENOENT" || path === "" || parent === path) throw thrown;
    makeFolder(parent, mode);
    makeLast(path, mode); // invariant 1
  }
}

function makeLast(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (thrown) {
    // Somebody else may have made it meanwhile.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw thrown;
  }
}
