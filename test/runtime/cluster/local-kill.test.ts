// kill -9 of a process that writes: what it was told is written, is.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { LocalBackend } from "../../../runtime/cluster/index.ts";
import { checkAsyncProperty } from "../../support/properties.ts";
import { text } from "./conformance.ts";
import { repeatsOf } from "./fixtures/repeats.ts";
import { type Acknowledged, startWriter, temporaryFolder } from "./support.ts";

const folder = temporaryFolder();
const KILLS = 10;
let runs = 0;

test("kill -9 at any moment loses nothing that was acknowledged, and halves nothing (1)", async (context) => {
  const moments = fc.array(fc.nat(50), { minLength: KILLS, maxLength: KILLS });
  const check = async (acknowledgements: readonly number[]): Promise<void> => {
    const file = join(folder, `killed-${++runs}.sqlite`);
    const acknowledged: Acknowledged[] = [];
    for (const count of acknowledgements) {
      const firstNumber = (acknowledged.at(-1)?.number ?? 0) + 100;
      await using writer = startWriter(file, firstNumber);
      await writer.acknowledged(count);
      acknowledged.push(...(await writer.kill()));
      await assertHas(file, acknowledged);
    }
    assert.ok(acknowledged.length >= acknowledgements.reduce((sum, count) => sum + count, 0));
  };
  await checkAsyncProperty(context, fc.asyncProperty(moments, check), 1);
});

async function assertHas(file: string, acknowledged: readonly Acknowledged[]): Promise<void> {
  await using backend = await LocalBackend.start({ file });
  const [left, right] = await Promise.all(["left/", "right/"].map((prefix) => backend.keyValue.list(prefix)));
  assert.ok(left !== undefined && right !== undefined);
  const there = new Map(right.entries.map((entry) => [entry.key.replace("right/", ""), entry]));
  // Both puts of a commit or none, also of those that nobody was told of.
  assert.equal(left.entries.length, there.size);
  for (const { key, value, revision } of left.entries) {
    const number = Number(key.replace("left/", ""));
    const other = there.get(String(number));
    assert.deepEqual([other?.value, other?.revision], [value, revision + 1], key);
    assert.equal(text(value), `${number} `.repeat(repeatsOf(number)));
  }
  for (const { number, revision } of acknowledged) {
    assert.equal(there.get(String(number))?.revision, revision, `commit ${number}`);
  }
}
