// Where and how often the object store has garbage collected.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SpareFiles } from "../../../../runtime/core/objects/spare-files.ts";
import { StoreCollections } from "../../../../runtime/core/objects/store-collections.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

const MIB = 2 ** 20;

/** Of a store of 100 MiB; a collection takes a millisecond. */
function setUp() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const spares = new SpareFiles(25 * MIB);
  const collections = new StoreCollections({
    clock,
    capacityBytes: 100 * MIB,
    spares,
    onShort: async (where, generation) => {
      asked.push(`${where} ${generation}`);
      clock.advance(1);
    },
  });
  const put = async (bytes: number): Promise<string[]> => {
    asked.length = 0;
    await collections.beforeTaking(bytes);
    if (spares.take(bytes, 0) === undefined) collections.took(bytes);
    collections.stored(bytes);
    return [...asked];
  };
  return { clock, spares, put };
}

test("without a file the young are looked at, then all, and everywhere when much was taken", async () => {
  const { put } = setUp();
  const asked: string[][] = [];
  for (let nth = 0; nth < 4; nth++) asked.push(await put(8 * MIB));
  assert.deepEqual(asked, [[], ["HERE YOUNG"], [], ["HERE YOUNG", "EVERYWHERE ALL"]]);
});

test("with one, memory is not taken, and nothing collected everywhere (invariant 1)", async () => {
  const { put, spares } = setUp();
  for (let nth = 0; nth < 40; nth++) {
    spares.add({ path: `${nth}`, bytes: 16 * MIB, writer: 0 });
    const asked = await put(16 * MIB);
    assert.ok(
      asked.every((each) => each === "HERE YOUNG"),
      asked.join(),
    );
  }
});

test("everywhere at most a twentieth of the time, for sizes that files are not kept of too (invariant 2)", async () => {
  const { put, clock } = setUp();
  const all: string[] = [];
  for (let nth = 0; nth < 100; nth++) {
    all.push(...(await put(30 * MIB)));
    clock.advance(1);
  }
  assert.ok(all.every((each) => each === "EVERYWHERE ALL"));
  assert.ok(all.length >= 4 && all.length <= 5, `${all.length} in 100 ms`);
});
