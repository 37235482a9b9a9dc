// Batches in shared memory: where they lie, who may write there, and that nothing is left.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { RegionPool } from "../../replicas/region-pool.ts";
import { readRegion, SharedRegion } from "../../replicas/shared-region.ts";

const KIB = 1024;
const LARGE = 256 * KIB;
const skip = process.platform === "linux" ? false : "there are no regions here";

describe("a region", { skip }, () => {
  it("gives its reader the parts behind each other, whatever was in it before", () => {
    const region = SharedRegion.create();
    const sizes = fc.array(fc.integer({ min: 0, max: 5 * KIB }), { minLength: 1, maxLength: 8 });
    try {
      fc.assert(
        fc.property(sizes, (lengths) => {
          const parts = lengths.map((length) => randomBytes(length));
          const header = region.write(parts);
          assert(header !== undefined && readRegion(header).equals(Buffer.concat(parts)));
        }),
      );
    } finally {
      region.close();
    }
  });

  it("takes more parts than the system does at a time", () => {
    const region = SharedRegion.create();
    const parts = Array.from({ length: 2_500 }, (_, index) => Buffer.from([index % 256]));
    const header = region.write(parts);
    assert(header !== undefined && readRegion(header).equals(Buffer.concat(parts)));
    region.close();
  });

  it("has no name that would outlive the process (invariant 1)", () => {
    const region = SharedRegion.create();
    region.write([randomBytes(KIB)]);
    const own = readdirSync("/dev/shm").filter((name) => name.startsWith(`shoal-${process.pid}-`));
    region.close();
    assert.deepEqual(own, []);
  });

  for (const [what, header] of [
    ["that is gone", `${process.pid}/999999/10`],
    ["without a name", "10"],
    ["whose name is a path", "../../etc/passwd/1"],
  ] as const) {
    it(`${what} is told typed`, () => {
      assert.throws(() => readRegion(header), { code: "INVALID_ARGUMENT" });
    });
  }

  it("that holds less than its header says is told typed", () => {
    const region = SharedRegion.create();
    const header = region.write([randomBytes(10)]) ?? "";
    assert.throws(() => readRegion(header.replace(/10$/, "11")), { code: "INVALID_ARGUMENT" });
    region.close();
  });
});

describe("the regions of a replica", { skip }, () => {
  it("are used again once the batch was answered, and only then (invariant 3)", () => {
    const pool = new RegionPool();
    const place = () => {
      const placed = pool.place([randomBytes(LARGE)], LARGE);
      assert(placed !== undefined);
      return placed;
    };
    const first = place();
    const second = place();
    assert.notEqual(second.header, first.header, "two batches under way");
    second.lost();
    first.done();
    assert.equal(place().header, first.header);
    pool.close();
  });

  it("take what is too much for a socket and not too much to keep", () => {
    const pool = new RegionPool();
    for (const size of [100 * KIB, 5 * KIB * KIB]) {
      assert.equal(pool.place([new Uint8Array(size)], size), undefined);
    }
    pool.close();
    assert.equal(pool.place([new Uint8Array(LARGE)], LARGE), undefined, "closed");
  });

  it("are tried for again once there are descriptors", () => {
    const fixture = join(import.meta.dirname, "fixtures/out-of-descriptors.ts");
    const printed = execFileSync(
      "bash",
      ["-c", 'ulimit -n 100 && exec "$0" "$1"', process.execPath, fixture],
      {
        encoding: "utf8",
      },
    );
    assert.deepEqual(JSON.parse(printed), { without: false, afterwards: true });
  });
});
