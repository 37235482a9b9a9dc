// Arrow tables between processes: as they are, and as bytes of their own format.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Table, tableFromArrays, tableToIPC } from "apache-arrow";
import fc from "fast-check";
import { decodeValue, encodeValue, markReference } from "../../../../runtime/core/objects/index.ts";
import { checkProperty } from "../../../support/properties.ts";
import { failing, start } from "./support.ts";

const tablesUrl = new URL("./fixtures/tables.ts", import.meta.url);
const ROWS = 200_000;
const SUM = (ROWS * (ROWS - 1)) / 2;

function numbers(rows: number): Table {
  const x = Float64Array.from({ length: rows }, (_, n) => n);
  return tableFromArrays({ x, y: x.map((value) => -value) });
}

function none(): never {
  throw new Error("no marks were written");
}

function roundTrip(value: unknown): unknown {
  return decodeValue(encodeValue(value, none).parts, { reference: none, handle: none });
}

test("a table is an argument, a put object and a result, its columns views on one memory", async () => {
  await using started = await start();
  const { runtime } = started;
  const tables = runtime.tasks<typeof import("./fixtures/tables.ts")>(tablesUrl);
  const table = numbers(ROWS);
  const object = await runtime.put(table);
  assert.deepEqual(await runtime.get([tables.sumOf(table, "x"), tables.sumOf(object, "y")]), [
    { rows: ROWS, sum: SUM, shares: true },
    { rows: ROWS, sum: -SUM, shares: true },
  ]);
  for (const rows of [3, ROWS]) {
    let n = 0;
    for await (const item of tables.tablesOf(rows)) {
      assert.equal(item.n, n);
      assert.equal(item.table.numRows, rows);
      assert.deepEqual(item.table.get(2)?.toJSON(), { x: 2 * n, word: `w${n}` });
      n++;
    }
    assert.equal(n, 2);
  }
});

test("the bytes of a table are an object whose columns are read where they lie", async () => {
  await using started = await start();
  const { runtime } = started;
  const tables = runtime.tasks<typeof import("./fixtures/tables.ts")>(tablesUrl);
  const object = await runtime.put(tableToIPC(numbers(ROWS), "file"));
  const [one, two] = await runtime.get([tables.sumColumn(object, "x"), tables.sumColumn(object, "x")]);
  const wanted = { rows: ROWS, sum: SUM, shares: true };
  assert.deepEqual([one, two], [wanted, wanted]);
});

test("one table met twice is written once, plain data around it stays, what was given is not changed", () => {
  const table = numbers(10_000);
  const given = { list: [1, table, undefined], table, name: "n" };
  const { byteLength } = encodeValue(given, none);
  assert.ok(byteLength < 200_000, `${byteLength}`);
  const read = roundTrip(given) as typeof given;
  assert.ok(read.list[1] === read.table && read.table !== table);
  assert.deepEqual([read.list.length, read.list[0], read.list[2], read.name], [3, 1, undefined, "n"]);
  assert.equal(read.table.getChild("y")?.get(9_999), -9_999);
  assert.ok(given.list[1] === table && given.table === table);
});

/** Data of all kinds of containers, with TABLE in places where a table is to stand. */
const TABLE = "a table";
const { data } = fc.letrec<{ data: unknown }>((tie) => ({
  data: fc.oneof(
    { depthSize: "medium", maxDepth: 12 },
    fc.constantFrom(TABLE, 1, "batches", undefined),
    fc.array(tie("data"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "batches", "c"), tie("data"), { noNullPrototype: true }),
    tie("data").map((inner) => new Map([["key", inner]])),
    tie("data").map((inner) => new Set([inner])),
  ),
}));

/** Each item for which `other` has something in its place. */
function mapped(value: unknown, other: (item: unknown) => unknown): unknown {
  const instead = other(value);
  if (instead !== undefined || typeof value !== "object" || value === null) return instead ?? value;
  if (Array.isArray(value)) return value.map((item) => mapped(item, other));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, mapped(item, other)]));
  if (value instanceof Set) return new Set([...value].map((item) => mapped(item, other)));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapped(item, other)]));
}

test("tables are tables again wherever they stand, and all else is as it was", (t) => {
  const table = numbers(2);
  checkProperty(
    t,
    fc.property(data, (given) => {
      const read = roundTrip(mapped(given, (item) => (item === TABLE ? table : undefined)));
      const told = mapped(read, (item) => {
        if (!(item instanceof Table)) return undefined;
        assert.equal(item.getChild("y")?.get(1), -1);
        return TABLE;
      });
      assert.deepEqual(told, given);
    }),
    300,
  );
});

test("tables in cycles, below classes, in causes, beside holes and in long lists of other things", () => {
  class Frame {
    readonly table = numbers(3);
    owner: unknown;
  }
  const frame = new Frame();
  const list: unknown[] = [...Array.from({ length: 200 }, (_, row) => ({ row })), frame];
  frame.owner = list;
  list.length = 203;
  const error = new RangeError("no", { cause: [frame] });
  const read = roundTrip({ error, list }) as { error: Error & { cause: [Frame] }; list: unknown[] };
  const [again] = read.error.cause;
  assert.ok(read.list[200] === again && again.owner === read.list && again.table instanceof Table);
  assert.equal(again.table.numRows, 3);
  assert.ok(read.list.length === 203 && !(202 in read.list));
  assert.ok(
    read.error instanceof RangeError && read.error.message === "no" && read.error.stack === error.stack,
  );
});

test("a reference beside a table that is far down is told of once", () => {
  const reference = {};
  markReference(reference, 7);
  const told: number[] = [];
  const { parts } = encodeValue({ a: [[[[numbers(1), reference]]]] }, (id) => told.push(id));
  assert.deepEqual(told, [7]);
  const read = decodeValue(parts, { reference: (id) => ({ id }), handle: none }) as { a: unknown[][][][] };
  assert.deepEqual(read.a[0]?.[0]?.[0]?.[1], { id: 7 });
  assert.ok(read.a[0]?.[0]?.[0]?.[0] instanceof Table);
});

test("a table too deep for a clone is refused, whatever else is not", () => {
  let deep: unknown = numbers(1);
  for (let left = 200_000; left > 0; left--) deep = [deep];
  assert.throws(() => encodeValue(deep, none), failing("INVALID_ARGUMENT", /nested too deeply/));
  assert.throws(
    () => encodeValue([numbers(1), { run: () => 1 }], none),
    failing("INVALID_ARGUMENT", /\[1\]\.run is a function/),
  );
});

test("columns of a large table are views on what was given to the reader, those of a small one are its own", () => {
  for (const [rows, shares] of [
    [ROWS, true],
    [1_000, false],
  ] as const) {
    const { parts } = encodeValue(numbers(rows), none);
    const read = decodeValue(parts, { reference: none, handle: none }) as Table;
    const buffer = read.getChild("x")?.data[0]?.values.buffer;
    assert.equal(
      parts.some((part) => part.buffer === buffer),
      shares,
    );
  }
});

test("a table of the other build of the library crosses too; of a copy that is not found it is refused", () => {
  const other = createRequire(import.meta.url)("apache-arrow") as typeof import("apache-arrow");
  const read = roundTrip(other.tableFromArrays({ word: ["a", "b"] })) as Table;
  assert.equal(read.get(1)?.["word"], "b");
  const foreign: unknown = Object.create({ [Symbol.for("apache-arrow/Table")]: true });
  assert.throws(() => encodeValue(foreign, none), failing("UNSUPPORTED", /that made it is not found/));
});
