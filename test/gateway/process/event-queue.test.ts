// Events for a reader that may be followed by another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventQueue } from "../../../gateway/process/event-queue.ts";

const QUIET_MS = 60_000;

test("events come in order, and undefined when none come", async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  const reading = queue.read(1);
  assert.deepEqual(await reading.next(), { done: false, value: 1 });
  assert.deepEqual(await reading.next(), { done: false, value: undefined });
  queue.push(2);
  queue.push(3);
  assert.deepEqual([(await reading.next()).value, (await reading.next()).value], [2, 3]);
});

test("the last reader gets all that is not read; the one before ends, waiting or not (invariant 1)", async () => {
  const queue = new EventQueue<number>();
  const [gone, waiting] = [queue.read(QUIET_MS), queue.read(QUIET_MS)];
  queue.push(1);
  assert.equal((await gone.next()).value, 1);
  const heard = waiting.next();
  const last = queue.read(QUIET_MS);
  const next = last.next();
  queue.push(2);
  assert.deepEqual([(await heard).done, (await next).value], [true, 2]);
  queue.push(3);
  assert.equal((await gone.next()).done, true);
  assert.equal((await last.next()).value, 3);
});
