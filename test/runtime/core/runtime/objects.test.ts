// Objects of a runtime: who holds them, where they lie, what is made again, what is lost.

import assert from "node:assert/strict";
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ObjectRef } from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failing, start } from "./support.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Object files of this process's runtimes in shared memory. */
function objectFiles(): string[] {
  return readdirSync("/dev/shm")
    .filter((name) => name.startsWith(`shoal-${process.pid}-`))
    .flatMap((name) => readdirSync(join("/dev/shm", name)).map((file) => join("/dev/shm", name, file)));
}

suite("put and get", () => {
  test("a put value is given to who asks, also inside other values", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const small = await runtime.put({ a: [1, 2] });
    assert.deepEqual(await runtime.get(small), { a: [1, 2] });
    const inner = await runtime.put(6);
    const outer = await runtime.put({ inner });
    const { inner: back } = await runtime.get(outer);
    assert.equal(await runtime.get(back), 6);
    assert.equal(await runtime.get(work.getInside(outer)), 6);
    await assert.rejects(runtime.put({ run: () => 1 }), failing("INVALID_ARGUMENT", /run is a function/));
  });

  test("what a reader writes into a value changes nobody else's", async () => {
    await using started = await start();
    const { runtime } = started;
    const reference = await runtime.put(new Uint8Array(1_000_000).fill(1));
    const mine = await runtime.get(reference);
    mine.fill(9);
    assert.equal((await runtime.get(reference))[5], 1);
  });

  test("10,000 references in one object", async () => {
    await using started = await start();
    const { runtime } = started;
    const references = await Promise.all(Array.from({ length: 10_000 }, (_, n) => runtime.put(n)));
    const back = await runtime.get(await runtime.put(references));
    assert.equal((await runtime.get(back)).at(-1), 9_999);
  });
});

suite("who holds", () => {
  test("an object is freed when its last reference is gone", async () => {
    await using started = await start();
    const { runtime } = started;
    const kept = await runtime.put(new Uint8Array(200_000));
    await (async () => {
      for (let n = 0; n < 5; n++) await runtime.put(new Uint8Array(200_000));
    })();
    await eventually("only one file is left", () => {
      collect();
      return objectFiles().length === 1;
    });
    assert.equal((await runtime.get(kept)).byteLength, 200_000);
  });

  test("large arguments are their task's alone, or their actor's, whoever submits it", async () => {
    await using started = await start();
    const { runtime, work, actors } = started;
    const large = (): Uint8Array => new Uint8Array(300_000);
    assert.equal(await runtime.get(work.byteLength(large())), 300_000);
    assert.deepEqual(await runtime.get(work.largeArguments(300_000)), [300_000, 300_000, 7]);
    const keeper = await actors.Keeper.create(large());
    assert.equal(await runtime.get(keeper.size()), 300_000);
    const cancelled = work.byteLength(large());
    await runtime.cancel(cancelled);
    await assert.rejects(runtime.get(cancelled), { code: "CANCELLED" });
    await eventually("nothing is left of them", () => {
      collect();
      return objectFiles().length === 0;
    });
  });

  test("large arguments that cannot be stored fail what was submitted, whoever did", async () => {
    await using started = await start({ objectStoreBytes: 1_000_000 });
    const { runtime, work } = started;
    const full = failing("OBJECT_STORE_FULL", /has 1000000/);
    await assert.rejects(runtime.get(work.byteLength(new Uint8Array(2_000_000))), full);
    await assert.rejects(runtime.get(work.largeArguments(2_000_000)), full);
  });

  test("arguments of an actor are held as long as it may have to be made again", async () => {
    await using started = await start();
    const { runtime, actors } = started;
    const make = async (maxRestarts: number): Promise<object> => {
      const bytes = await runtime.put(new Uint8Array(200_000));
      return await actors.Keeper.options({ maxRestarts }).create(bytes);
    };
    const count = async (): Promise<number> => {
      collect();
      return objectFiles().length;
    };
    const handles = [await make(1)];
    await new Promise((resolve) => setImmediate(resolve));
    handles.push(await make(0));
    await eventually("one is freed", async () => (await count()) === 1);
    for (const handle of handles) await runtime.kill(handle);
    await eventually("both are freed", async () => (await count()) === 0);
  });

  test("what a dead worker put, others still have", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const { reference, pid } = await runtime.get(work.putInside(300_000));
    const small = await runtime.get(work.putInside(3));
    process.kill(pid, "SIGKILL");
    assert.equal((await runtime.get(reference))[299_999], 3);
    assert.equal((await runtime.get(small.reference))[2], 3);
  });
});

suite("memory that is written over", () => {
  const LENGTH = 3 * 2 ** 20;
  const inUse = (): string[] => objectFiles().filter((path) => !path.endsWith(".spare"));
  const freed = (): Promise<void> =>
    eventually("no object is left", () => {
      collect();
      return inUse().length === 0;
    });

  test("is none that anybody looks at, whoever wrote it", async () => {
    await using started = await start({ numCpus: 1 });
    const { runtime, work } = started;
    const inodes = new Set<number>();
    const kept: Uint8Array[] = [];
    for (let n = 0; n < 18; n++) {
      await (async () => {
        const made = n % 2 === 0 ? work.filled(LENGTH, n) : await runtime.put(new Uint8Array(LENGTH).fill(n));
        await runtime.wait([made]);
        for (const path of inUse()) inodes.add(statSync(path).ino);
        // The driver looks at each third, the worker at each third, nobody at the rest: those are written over.
        if (n % 3 === 0) kept.push(await runtime.get(made));
        if (n % 3 === 1) await runtime.get(work.keepView(made));
      })();
      await freed();
    }
    for (const [at, view] of kept.entries()) assert.ok(view.every((byte) => byte === 3 * at));
    assert.deepEqual(await runtime.get(work.keepView(new Uint8Array(8))), [1, 4, 7, 10, 13, 16, 0]);
    assert.equal(inodes.size, 13, "and others are");
  });
});

suite("loss", () => {
  test("a lost result is made again, with what it was made of", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const bytes = work.bytes(300_000);
    const copy = work.echo(bytes);
    await runtime.get([bytes, copy]);
    for (const file of objectFiles()) rmSync(file);
    assert.equal(await runtime.get(work.byteLength(copy as ObjectRef<Uint8Array>)), 300_000);
    assert.equal((await runtime.get(bytes))[1], 7);
  });

  test("several lost results of one task are made again together, whoever asks for which", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const [a, b] = work.twoBytes.options({ numReturns: 2 })(300_000);
    for (let round = 0; round < 2; round++) {
      await runtime.wait([a, b], { numReturns: 2 });
      for (const file of objectFiles()) rmSync(file);
      const lengths = [runtime.get(work.byteLength(b)), runtime.get(work.byteLength(a))];
      const [first, second] = await Promise.all([runtime.get(a), runtime.get(b)]);
      assert.deepEqual([first[9], second[9], ...(await Promise.all(lengths))], [1, 2, 300_000, 300_000]);
    }
  });

  test("what was put cannot be made again: OBJECT_LOST, for readers and as an argument", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const reference = await runtime.put(new Uint8Array(300_000));
    for (const file of objectFiles()) rmSync(file);
    await assert.rejects(runtime.get(reference), failing("OBJECT_LOST", /./));
    await assert.rejects(runtime.get(work.byteLength(reference)), failing("OBJECT_LOST", /./));
    assert.equal(await runtime.get(work.square(2)), 4);
  });
});

suite("room", () => {
  test("beyond the capacity objects are spilled and still read; one that never fits is refused", async () => {
    await using started = await start({ objectStoreBytes: 3_000_000 });
    const { runtime, work } = started;
    const references: ObjectRef<Uint8Array>[] = [];
    for (let n = 0; n < 6; n++) references.push(await runtime.put(new Uint8Array(1_000_000).fill(n)));
    const made = Array.from({ length: 3 }, () => work.bytes(900_000));
    for (const [n, reference] of references.entries()) assert.equal((await runtime.get(reference))[7], n);
    for (const reference of made) assert.equal(await runtime.get(work.byteLength(reference)), 900_000);
    await assert.rejects(runtime.put(new Uint8Array(4_000_000)), failing("OBJECT_STORE_FULL", /has 3000000/));
    await assert.rejects(runtime.get(work.bytes(4_000_000)), failing("OBJECT_STORE_FULL", /has 3000000/));
    assert.equal(await runtime.get(work.square(3)), 9);
  });
});

test("a runtime that was shut down fails what waits, and leaves no file", async () => {
  const started = await start();
  const waiting = started.runtime.get(started.work.untilCancelled(started.file("a")));
  const failed = assert.rejects(waiting, failing("CANCELLED", /shut down/));
  await started.lines("a", 1);
  await started.runtime.put(new Uint8Array(200_000));
  await started[Symbol.asyncDispose]();
  await failed;
  assert.deepEqual(objectFiles(), []);
});
