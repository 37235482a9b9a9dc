import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreThread } from "../../../runtime/cluster/local/store-thread.ts";

const OPTIONS = {
  file: undefined,
  maxBytes: 2 ** 30,
  lockWaitMs: 0,
  retention: { maxChanges: 10, maxBytes: 1_000 },
} as const;

test("a thread that dies fails what was asked, and what is asked later; it can still be closed (2)", async () => {
  const thread = await StoreThread.start(OPTIONS);
  // What no adapter asks is a bug of ours, and ends the thread.
  const broken = thread.ask(null as never);
  const behind = thread.ask({ kind: "get", key: "a" });
  await assert.rejects(broken, { code: "STORE_UNAVAILABLE" });
  await assert.rejects(behind, { code: "STORE_UNAVAILABLE" });
  await thread.ended;
  await assert.rejects(thread.ask({ kind: "get", key: "a" }), { code: "STORE_UNAVAILABLE" });
  await thread.close();
  assert.equal(thread.close(), thread.close());
});

test("more questions than a stuck disk can be left with are refused at once (3)", async () => {
  const thread = await StoreThread.start(OPTIONS);
  const asked = Array.from({ length: 1_000 }, () => thread.ask({ kind: "list", prefix: "" }));
  await assert.rejects(thread.ask({ kind: "list", prefix: "" }), { code: "OVERLOADED" });
  await Promise.all([...asked, thread.close()]);
});
