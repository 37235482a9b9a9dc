// Memory given back by hand: what is freed, and what somebody else may still view.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { freeChunk, freeLarge, LARGE_BYTES, pin, whenFreed } from "../../../runtime/base/index.ts";

const READ_BYTES = 64 * 1024;

describe("a chunk that was copied", () => {
  for (const [what, offset, length, freed] of [
    ["all of what was read into", 0, READ_BYTES, true],
    ["most of it, as Node leaves it where little is missing", 0, 60_416, true],
    ["its last part, behind a header", 300, READ_BYTES - 300, false],
    ["half of it or less, as pieces of Buffer's pool are", 0, READ_BYTES / 2, false],
  ] as const) {
    test(`that is ${what}, is ${freed ? "freed" : "left alone"}`, () => {
      const read = new ArrayBuffer(READ_BYTES);
      freeChunk(Buffer.from(read, offset, length));
      assert.equal(read.detached, freed);
    });
  }

  test("and is of Buffer's pool leaves the others there (invariant 1)", () => {
    const largest = Buffer.allocUnsafe(Math.floor(Buffer.poolSize / 2) - 1);
    freeChunk(largest);
    assert.equal(largest.buffer.detached, false);
  });
});

describe("bytes that nobody reads again", () => {
  test("are freed when they are large and the whole of their buffer", () => {
    const whole = new Uint8Array(LARGE_BYTES);
    const part = new Uint8Array(2 * LARGE_BYTES).subarray(LARGE_BYTES);
    const small = new Uint8Array(LARGE_BYTES - 1);
    [whole, part, small].forEach(freeLarge);
    assert.deepEqual(
      [whole, part, small].map(({ byteLength }) => byteLength),
      [0, LARGE_BYTES, LARGE_BYTES - 1],
    );
  });
});

describe("bytes that are pinned", () => {
  test("are freed when the last of those who read them lets go (invariant 2)", () => {
    const whole = new Uint8Array(LARGE_BYTES);
    let ended = 0;
    whenFreed(whole.buffer, () => ended++);
    const first = pin([whole.subarray(0, 8), whole.subarray(8)]);
    const second = pin([whole]);
    freeLarge(whole);
    freeChunk(whole);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    assert.deepEqual([whole.byteLength, ended], [LARGE_BYTES, 0]);
    second[Symbol.dispose]();
    assert.deepEqual([whole.byteLength, ended], [0, 1]);
  });

  test("stay where nobody wanted them freed, and can be freed afterwards", () => {
    const whole = new Uint8Array(LARGE_BYTES);
    pin([whole])[Symbol.dispose]();
    assert.equal(whole.byteLength, LARGE_BYTES);
    freeLarge(whole);
    assert.equal(whole.byteLength, 0);
  });
});
