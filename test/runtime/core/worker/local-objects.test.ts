// What a worker alone knows, and what it tells the head of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ShoalError } from "../../../../runtime/base/index.ts";
import { addWait, LocalObjects, removeWait } from "../../../../runtime/core/worker/direct/local-objects.ts";
import type { FromWorker } from "../../../../runtime/core/workers/messages.ts";

const VALUE = { kind: "value", parts: [new Uint8Array([1])] } as const;
const ORIGIN = "A.b";

function make(): { readonly objects: LocalObjects; readonly sent: FromWorker[] } {
  const sent: FromWorker[] = [];
  return { objects: new LocalObjects({ send: (message) => void sent.push(message) }), sent };
}

test("an object whose references stay here is told to nobody, and gone with the last", () => {
  const { objects, sent } = make();
  objects.create(1, ORIGIN);
  objects.settle(1, VALUE);
  assert.equal(objects.find(1)?.outcome, VALUE);
  assert.equal(objects.release(1), true);
  assert.equal(objects.release(1), false);
  assert.equal(objects.size, 0);
  assert.deepEqual(sent, []);
});

test("one that is shared when it is settled is told once, with its value, and is the head's then", () => {
  const { objects, sent } = make();
  objects.create(1, ORIGIN);
  objects.settle(1, VALUE);
  objects.share([1, 2, 1]);
  assert.deepEqual(sent, [{ type: "own", object: 1, origin: ORIGIN, outcome: { value: 1 } }]);
  assert.equal(objects.find(1), undefined);
});

test("one that is shared before is settled at the head, also when no reference is left here", () => {
  const { objects, sent } = make();
  for (const id of [1, 2]) objects.create(id, ORIGIN);
  objects.share([1, 2]);
  objects.share([1]);
  assert.deepEqual(
    sent.splice(0),
    [1, 2].map((object) => ({ type: "own", object, origin: ORIGIN, outcome: undefined })),
  );
  assert.equal(objects.release(2), false, "the head is to hear of it");
  objects.settle(1, VALUE);
  const error = new ShoalError("ACTOR_DIED", "it is");
  objects.settle(2, { kind: "error", error });
  objects.settle(2, VALUE);
  assert.deepEqual(sent, [
    { type: "settle", object: 1, outcome: { value: 1 } },
    { type: "settle", object: 2, outcome: { error: error.toWire() } },
  ]);
  assert.equal(objects.size, 0);
});

test("who waits is woken by the last one, or by one that moves", () => {
  const { objects } = make();
  for (const id of [1, 2, 3]) objects.create(id, ORIGIN);
  const woken: string[] = [];
  const both = { left: 2, wake: () => void woken.push("both") };
  const third = { left: 1, wake: () => void woken.push("third") };
  for (const id of [1, 2]) addWait(objects.find(id) ?? assert.fail(), both);
  const moving = objects.find(3) ?? assert.fail();
  addWait(moving, both);
  addWait(moving, third);
  removeWait(moving, both);
  objects.settle(1, VALUE);
  assert.deepEqual(woken, []);
  objects.settle(2, VALUE);
  assert.deepEqual(objects.move(3), { isHeld: true, sink: undefined });
  assert.deepEqual(woken, ["both", "third"]);
  assert.equal(moving.state, "MOVED");
  assert.deepEqual(objects.move(3), { isHeld: false, sink: undefined });
  assert.equal(objects.all([1, 2])?.length, 2);
  assert.equal(objects.all([1, 2, 3]), undefined);
});
