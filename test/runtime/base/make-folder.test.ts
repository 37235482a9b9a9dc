// Folders with all that lead to them, also where none can be made.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeFolder } from "../../../runtime/base/index.ts";

describe("a folder", () => {
  it("is made with those before it; made again, nothing happens", () => {
    const root = mkdtempSync(join(tmpdir(), "shoal-test-"));
    try {
      const path = join(root, "a", "b", "c");
      makeFolder(path, 0o700);
      makeFolder(path, 0o700);
      assert.equal(statSync(join(root, "a")).mode & 0o777, 0o700);
      writeFileSync(join(root, "file"), "");
      assert.throws(() => makeFolder(join(root, "file")), { code: "EEXIST" });
      assert.throws(() => makeFolder(join(root, "file", "d", "e")), { code: "ENOTDIR" });
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it("that cannot be made is an error, and no endless loop (1)", {
    skip: process.platform !== "linux",
  }, () => {
    assert.throws(() => makeFolder("/proc/shoal-test/sub"), { code: "ENOENT" });
    assert.throws(() => makeFolder(""), { code: "ENOENT" });
  });
});
