// Lists of references: read as ids where they are nothing else, as clones where they are more.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  decodeValue,
  encodeValue,
  markHandle,
  markReference,
} from "../../../../runtime/core/objects/index.ts";
import { checkProperty } from "../../../support/properties.ts";

function reference(id: number): object {
  const target = {};
  markReference(target, id);
  return target;
}

/** What comes out, with `{ id }` for each reference; and the ids that were told. */
function roundTrip(value: unknown): {
  readonly out: unknown;
  readonly told: number[];
  readonly byteLength: number;
} {
  const told: number[] = [];
  const { parts, byteLength } = encodeValue(value, (id) => told.push(id));
  const handle = ({ actor }: { readonly actor: number }): object => ({ actor });
  return { out: decodeValue(parts, { reference: (id) => ({ id }), handle }), told, byteLength };
}

const id = fc.oneof(fc.integer({ min: 1 }), fc.maxSafeNat());

test("a list of references comes out as one, at eight bytes each, and each is told", (context) => {
  const ids = fc.uniqueArray(id, { minLength: 1, maxLength: 200 });
  const property = fc.property(ids, (list) => {
    const { out, told, byteLength } = roundTrip(list.map(reference));
    assert.deepEqual(
      out,
      list.map((each) => ({ id: each })),
    );
    assert.deepEqual(told, list);
    assert.equal(byteLength, 1 + 8 * list.length);
  });
  checkProperty(context, property, 100);
});

test("one reference twice is one object twice, two of one id are two", () => {
  const twice = reference(7);
  const { out, told } = roundTrip([twice, twice]);
  assert.ok(Array.isArray(out));
  assert.deepEqual([out, told], [[{ id: 7 }, { id: 7 }], [7]]);
  assert.equal(out[0], out[1]);
  const { out: apart } = roundTrip([reference(7), reference(7)]);
  assert.ok(Array.isArray(apart));
  assert.notEqual(apart[0], apart[1]);
});

test("lists with anything else in them, or more than items, are whole", () => {
  const handle = {};
  markHandle(handle, { actor: 3, label: "A", methods: [], maxTaskRetries: 0 });
  assert.deepEqual(roundTrip([reference(1), handle]).out, [{ id: 1 }, { actor: 3 }]);
  assert.deepEqual(roundTrip([reference(1), 2, { a: reference(3) }]).out, [{ id: 1 }, 2, { a: { id: 3 } }]);
  const { out: named } = roundTrip(Object.assign([reference(1)], { name: "more" }));
  assert.equal(Reflect.get(named ?? {}, "name"), "more");
  const holes = [reference(1)];
  holes[2] = reference(2);
  assert.equal(Object.hasOwn(roundTrip(holes).out ?? {}, 1), false);
  assert.deepEqual(roundTrip([[reference(1)], [reference(2)]]).out, [[{ id: 1 }], [{ id: 2 }]]);
  assert.deepEqual(roundTrip([]).out, []);
});
