// Arrow tables between processes: as they are, and as bytes of their own format.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { type Table, tableFromArrays, tableToIPC } from "apache-arrow";
import { decodeValue, encodeValue } from "../../../../runtime/core/objects/index.ts";
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

test("long lists are searched when they begin with a table", () => {
  const table = numbers(1);
  const read = roundTrip(Array<unknown>(100).fill(table)) as Table[];
  assert.deepEqual(
    read.map(({ numRows }) => numRows),
    Array(100).fill(1),
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
