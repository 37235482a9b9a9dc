// Replicas that grow, on a clock that a test moves.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as immediate } from "node:timers/promises";
import { MemoryWatch } from "../../controller/memory-watch.ts";
import { FakeClock } from "../support/fake-clock.ts";

const MIB = 1024 * 1024;

class Grower implements Disposable {
  readonly clock = new FakeClock();
  readonly told: string[] = [];
  mebibytes: number | undefined;
  readonly watch: MemoryWatch;

  constructor(mebibytes: number | undefined, boundMebibytes = 100) {
    this.mebibytes = mebibytes;
    const tell = (what: string) => (message: string) => void this.told.push(`${what}: ${message}`);
    this.watch = new MemoryWatch({
      pid: 1,
      boundBytes: boundMebibytes * MIB,
      clock: this.clock,
      read: () => (this.mebibytes === undefined ? undefined : this.mebibytes * MIB),
      onWrong: tell("wrong"),
      onOutgrown: tell("outgrown"),
      onFarOutgrown: tell("far"),
    });
    void this.watch.start();
  }

  async grow(...sizes: readonly (number | undefined)[]): Promise<void> {
    for (const size of sizes) {
      this.mebibytes = size;
      this.clock.advance(250);
      await immediate();
    }
  }

  [Symbol.dispose](): void {
    this.watch[Symbol.dispose]();
  }
}

test("one that outgrows its memory is told once, and again when it has twice as much (1, 2)", async () => {
  using grower = new Grower(50);
  await grower.grow(99, 100);
  assert.deepEqual(grower.told, []);
  await grower.grow(101, 90, 150, 200);
  assert.deepEqual(grower.told, ["outgrown: it uses 101 MiB, more than its memory of 100 MiB"]);
  await grower.grow(201, 300);
  assert.deepEqual(grower.told.slice(1), ["far: it uses 201 MiB, more than its memory of 100 MiB"]);
  assert.equal(grower.clock.pending, 0);
});

test("one that is too large from the start is not held to it (3)", async () => {
  using grower = new Grower(101);
  await grower.grow(150, 1_000);
  assert.deepEqual(grower.told, [
    "wrong: it uses 101 MiB, more than its memory of 100 MiB, from the start: it is not held to that",
  ]);
  assert.equal(grower.clock.pending, 0);
});

test("what cannot be read is no growth; after the end nothing is looked at", async () => {
  using grower = new Grower(undefined);
  await grower.grow(undefined, 50);
  grower.watch[Symbol.dispose]();
  await grower.grow(1_000);
  assert.deepEqual([grower.told, grower.clock.pending], [[], 0]);
});
