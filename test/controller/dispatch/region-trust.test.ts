import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RegionTrust } from "../../../controller/dispatch/region-trust.ts";

const SHARES = { "x-shoal-region": "read", "x-shoal-body-region": "map" };

/** Batches by the socket until the next may lie in shared memory. */
function pauseOf(trust: RegionTrust): number {
  let pause = 0;
  for (; !trust.reads; pause++) trust.answered(SHARES, false);
  assert.equal(trust.maps, true);
  return pause;
}

describe("shared memory", () => {
  it("is used as the replica says", () => {
    const trust = new RegionTrust();
    const said = (headers: Readonly<Record<string, string>>): unknown => {
      trust.answered(headers, false);
      return [trust.reads, trust.maps];
    };
    assert.deepEqual([trust.reads, trust.maps], [false, false]);
    assert.deepEqual(said(SHARES), [true, true]);
    assert.deepEqual(said({ "x-shoal-region": "read", "x-shoal-body-region": "none" }), [true, false]);
    assert.deepEqual(said({}), [false, false]);
  });

  it("that could not be read is tried again, ever more seldom until it is (invariant 1)", () => {
    const trust = new RegionTrust();
    trust.answered(SHARES, false);
    const pauses = Array.from({ length: 10 }, () => {
      trust.failed();
      return pauseOf(trust);
    });
    assert.deepEqual(pauses, [16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 4_096]);
    trust.answered(SHARES, true);
    trust.failed();
    assert.equal(pauseOf(trust), 16);
  });

  it("that several batches could not be read from at once failed once", () => {
    const trust = new RegionTrust();
    trust.answered(SHARES, false);
    for (let batch = 0; batch < 5; batch++) trust.failed();
    assert.equal(pauseOf(trust), 16);
  });
});
