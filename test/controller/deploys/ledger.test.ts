// What is noted in the store of where deployments stand, also of what an earlier server noted.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ledger } from "../../../controller/deploys/ledger.ts";
import { FIRST_MEMORY } from "../../../controller/reconcile/index.ts";
import { type MemoryKind, ServeStore } from "../../../controller/store/index.ts";
import { LocalBackend } from "../../../runtime/cluster/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";

const KINDS: readonly MemoryKind[] = ["deployment", "target", "traffic"];

test("what an earlier server noted is forgotten, and what is known is not written again (2)", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  const names = async (): Promise<string[]> => {
    const memories = await Promise.all(KINDS.map((kind) => store.memories(kind)));
    return memories.flatMap((memory, index) =>
      Array.from(memory.keys(), (name) => `${KINDS[index]} ${name}`),
    );
  };
  const earlier = new Ledger(store, silentLog, new Map());
  earlier.remember("net", FIRST_MEMORY);
  earlier.rememberTarget("net", 3);
  earlier.rememberTraffic("shop", { slots: [], history: [] });
  await earlier.flush();
  assert.deepEqual(await names(), ["deployment net", "target net", "traffic shop"]);

  const ledger = new Ledger(store, silentLog, new Map([["net", 3]]));
  const { revision } = await backend.keyValue.list("");
  ledger.rememberTarget("net", 3);
  await ledger.flush();
  assert.equal((await backend.keyValue.list("")).revision, revision);
  ledger.forget("net");
  ledger.rememberTraffic("shop", undefined);
  await ledger.flush();
  assert.deepEqual(await names(), []);
});
