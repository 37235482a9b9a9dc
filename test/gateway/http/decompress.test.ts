// What is unpacked is told while it grows; what is refused stops there.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { decompress } from "../../../gateway/http/decompress.ts";
import { ShoalError } from "../../../runtime/base/index.ts";

const MIB = 1024 * 1024;

for (const [what, pack, encoding] of [
  ["gzip", gzipSync, "gzip"],
  ["deflate", deflateSync, "deflate"],
  ["deflate without zlib's header", deflateRawSync, "deflate"],
] as const) {
  describe(what, () => {
    test("says how large the body is before it is larger (invariant 1)", async () => {
      const told: number[] = [];
      const wanted = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * index) >> 3));
      const body = await decompress(pack(wanted), encoding, (byteLength) => void told.push(byteLength));
      assert.deepEqual(body, wanted);
      assert.equal(told.at(-1), wanted.byteLength);
      const steps = told.map((byteLength, index) => byteLength - (told[index - 1] ?? 0));
      assert(
        steps.every((step) => step > 0 && step <= 64 * 1024),
        String(steps),
      );
    });

    test("goes no further once it is refused", async () => {
      const refusal = new ShoalError("OVERLOADED", "no room");
      const bomb = pack(Buffer.alloc(64 * MIB));
      let most = 0;
      const grow = (byteLength: number): void => {
        most = byteLength;
        if (byteLength > MIB) throw refusal;
      };
      await assert.rejects(decompress(bomb, encoding, grow), refusal);
      assert(most <= MIB + 64 * 1024, `${most} bytes`);
    });
  });
}
