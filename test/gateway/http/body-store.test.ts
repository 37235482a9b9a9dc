// Where bodies are gathered: in shared memory where that helps, in a buffer where not, or no longer.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BodyStore } from "../../../gateway/http/body-store.ts";
import { freeLarge } from "../../../runtime/base/index.ts";
import { placeOf } from "../../../replicas/index.ts";
import { canMapRegions } from "../../../replicas/mapped-region.ts";

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
const LENGTH = 6 * MIB + 1_001;
const skip = canMapRegions() ? false : "memory cannot be mapped here";

/** Chunk by chunk as a socket gives them: small room first, then for all that was announced. */
function gather(store: BodyStore, length: number): string {
  const hash = createHash("sha256");
  while (store.filled < length) {
    const chunk = Buffer.alloc(Math.min(CHUNK, length - store.filled), store.filled / CHUNK);
    hash.update(chunk);
    store.append(chunk, store.filled < MIB ? Math.max(store.room, store.filled + CHUNK) : length);
  }
  return hash.digest("hex");
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function regionFiles(): number {
  const links = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // the listing's own
    }
  });
  return links.filter((link) => link.startsWith("/dev/shm/shoal-")).length;
}

describe("a body", () => {
  for (const [what, headerLength, length, isShared] of [
    ["large, with binary tensors, is gathered in shared memory", 151, LENGTH, true],
    ["large, of JSON or compressed, is gathered in a buffer", undefined, LENGTH, false],
    ["below 4 MiB is gathered in a buffer", 151, 3 * MIB, false],
  ] as const) {
    test(what, { skip: isShared && skip }, () => {
      const store = new BodyStore(headerLength);
      const wanted = gather(store, length);
      const { body, memory } = store.finish();
      assert.equal(hashOf(body), wanted);
      assert.equal(placeOf([body]) !== undefined, isShared);
      freeLarge(memory);
      assert.equal(body.byteLength, 0);
      assert.equal(regionFiles(), 0);
    });
  }

  test("in one chunk stays where it is", () => {
    const store = new BodyStore(0);
    const chunk = Buffer.from("whole");
    store.keep(chunk);
    assert.equal(store.finish().body.buffer, chunk.buffer);
    assert.deepEqual(new BodyStore().finish().body, Buffer.alloc(0));
  });

  test("that nobody will finish leaves nothing", { skip }, () => {
    const store = new BodyStore(0);
    gather(store, LENGTH);
    assert.equal(regionFiles(), 1);
    store.drop();
    assert.equal(regionFiles(), 0);
  });

  test("is gathered in a buffer once no more memory is to be shared (invariant 1)", { skip }, () => {
    // Files of this process may have 5 MiB: a write past that fails as on a full mount.
    const script = ["trap '' XFSZ", "ulimit -f 5120", 'exec "$0" "$1" "$2"'].join("\n");
    const fixture = join(import.meta.dirname, "fixtures/gather-body.ts");
    const printed = execFileSync("bash", ["-c", script, process.execPath, fixture, String(LENGTH)], {
      encoding: "utf8",
    });
    const wanted = gather(new BodyStore(), LENGTH);
    assert.deepEqual(JSON.parse(printed), { hash: wanted, wasShared: true, isShared: false, files: 0 });
  });
});
