// What the tests of objects share: folders and small mounts that go when the test ends.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openLibc } from "../../../../runtime/core/libc.ts";

export interface TestFolder extends Disposable {
  readonly path: string;
}

export function testFolder(): TestFolder {
  const path = mkdtempSync(join(tmpdir(), "objects-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Why a small mount cannot be made here; false where it can. */
export const NO_MOUNTS: string | false = canMount() ? false : "mounting needs root on Linux";

/** Why the kernel cannot be asked who uses a file; false where it can. */
export const NO_FFI: string | false = openLibc({}) === undefined ? "needs node:ffi on Linux" : false;

/** A file system of its own with that much room. */
export function smallMount(bytes: number): TestFolder {
  const folder = testFolder();
  system("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder.path);
  return {
    path: folder.path,
    [Symbol.dispose]() {
      system("umount", "--lazy", folder.path);
      folder[Symbol.dispose]();
    },
  };
}

function system(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: "ignore" });
}

function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    smallMount(4_096)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}
