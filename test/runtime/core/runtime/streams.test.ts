// Generators as tasks: items in order, their reader's pace, and that nothing is left of a stream that nobody reads.

import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { Runtime } from "../../../../runtime/core/index.ts";
import { collectGarbage } from "../../../../runtime/core/objects/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failing, start } from "./support.ts";

/** Two of these fit into no message. */
const LARGE = 200_000;

/** Resolves when there is no item, and every CPU is free. */
async function nothingLeft(runtime: Runtime): Promise<void> {
  await eventually("nothing is left of the stream", async () => {
    await collectGarbage();
    const { rows } = await runtime.list("objects");
    const cpus = (await runtime.resources())["num_cpus"];
    return rows.every(({ sizeBytes }) => (sizeBytes ?? 0) < LARGE) && cpus?.free === cpus?.total;
  });
}

suite("streams", () => {
  test("items come in order, then the end", async () => {
    await using started = await start();
    const items: number[] = [];
    for await (const item of started.work.generate(100)) items.push(item);
    assert.deepEqual(
      items,
      Array.from({ length: 100 }, (_, n) => n),
    );
  });

  test("a stream is read once: a second reader is refused, the first goes on", async () => {
    await using started = await start();
    const stream = started.work.generate(100);
    const items = stream[Symbol.asyncIterator]();
    assert.deepEqual(await items.next(), { done: false, value: 0 });
    const twice = failing("INVALID_ARGUMENT", /Cannot read the stream .*it has a reader or had one/);
    assert.throws(() => stream[Symbol.asyncIterator](), twice);
    let last = 0;
    for await (const item of items) last = item;
    assert.equal(last, 99);
    assert.throws(() => stream[Symbol.asyncIterator](), twice);
  });

  test("what a generator throws comes after its items", async () => {
    await using started = await start();
    const items: number[] = [];
    await assert.rejects(
      async () => {
        for await (const item of started.work.generateThenFail(3)) items.push(item);
      },
      failing("CALL_FAILED", /no more/),
    );
    assert.deepEqual(items, [0, 1, 2]);
  });

  test("the producer waits for its reader; leaving the loop ends it", async () => {
    await using started = await start({ numCpus: 1 });
    const { runtime, work } = started;
    const stream = work.logged.options({ generatorBackpressureNumObjects: 4 })(started.file("a"));
    let read = 0;
    for await (const _ of stream) if (++read === 3) break;
    assert.equal(await runtime.get(work.square(2)), 4, "the worker is free");
    const made = (await started.lines("a")).length;
    assert.ok(made <= 3 + 4 + 1, `${made} items were made`);
  });

  test("after a crash the items that were given are not given again", async () => {
    await using started = await start();
    const items: number[] = [];
    for await (const item of started.work.generateAndCrash(started.file("a"), 6)) items.push(item);
    assert.deepEqual(items, [0, 1, 2, 3, 4, 5]);
  });

  test("of items that are gone before they are read the reader is told", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const stream = work.generateBytes(3, LARGE);
    await eventually("all are made", async () => (await runtime.list("objects")).rows.length === 4);
    for (const folder of readdirSync("/dev/shm")) {
      if (!folder.startsWith(`shoal-${process.pid}-`)) continue;
      for (const file of readdirSync(join("/dev/shm", folder))) rmSync(join("/dev/shm", folder, file));
    }
    await assert.rejects(
      async () => {
        for await (const _ of stream);
      },
      failing("OBJECT_LOST", /./),
    );
    await nothingLeft(runtime);
  });
});

suite("nothing is left", () => {
  test("of a stream that was read to its end, here or in a worker", async () => {
    await using started = await start();
    const { runtime, work } = started;
    let read = 0;
    for await (const item of work.generateBytes(21, LARGE)) read += item.byteLength;
    assert.equal(read, 21 * LARGE);
    assert.equal(await runtime.get(work.readBytes(21, LARGE)), 21 * LARGE);
    await nothingLeft(runtime);
  });

  test("of one that was left, in the middle, behind its end, or before it was begun", async () => {
    await using started = await start();
    const { runtime, work } = started;
    for (const length of [3, 100]) {
      const stream = work.generateBytes(length, LARGE);
      for await (const _ of stream) {
        await eventually("some are made", async () => (await runtime.list("objects")).rows.length > 2);
        break;
      }
    }
    const unread = work.generateBytes(100, LARGE)[Symbol.asyncIterator]();
    await unread.return();
    assert.deepEqual(await unread.next(), { done: true, value: undefined });
    const late = work.logged(started.file("a"))[Symbol.asyncIterator]();
    await late.next();
    const waiting = work.untilGo(started.file("go"))[Symbol.asyncIterator]();
    const next = waiting.next();
    await Promise.all([late.return(), waiting.return()]);
    assert.equal((await next).done, true, "one that waits for an item is told");
    await writeFile(started.file("go"), "");
    await nothingLeft(runtime);
  });

  test("of one whose iterator, or whose reference, was let go of", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const first = async (): Promise<number | undefined> =>
      (await work.generateBytes(100, LARGE)[Symbol.asyncIterator]().next()).value?.byteLength;
    assert.equal(await first(), LARGE);
    await nothingLeft(runtime);
    await (async () => {
      const stream = work.generateBytes(100, LARGE);
      await eventually("some are made", async () => (await runtime.list("objects")).rows.length > 2);
      assert.ok(stream.id);
    })();
    await nothingLeft(runtime);
    assert.ok(work.untilGo(started.file("go")).id);
    await collectGarbage();
    await writeFile(started.file("go"), "");
    await nothingLeft(runtime);
  });
});
