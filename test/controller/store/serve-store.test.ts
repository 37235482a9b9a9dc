// What is wanted and its history, in a store in memory.

import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeConfig } from "../../../controller/config/index.ts";
import {
  type CurrentApplication,
  type FullRelease,
  type ReleaseContent,
  ServeStore,
} from "../../../controller/store/index.ts";
import { type Backend, LocalBackend } from "../../../runtime/cluster/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const ASKED = { author: "anna", source: "shoal.yaml" };

function content(model: string, directory = "/srv") {
  return { config: { name: "shop", deployments: [{ name: "price", model }] }, directory };
}

async function deploy(store: ServeStore, application: string, model = "a.onnx"): Promise<number> {
  const outcome = await store.apply({ ...ASKED, deploy: new Map([[application, content(model)]]) });
  assert.ok(outcome.kind === "applied");
  return outcome.releases[0]?.number ?? 0;
}

/** A release that has run. */
async function deployGood(store: ServeStore, application: string, model?: string): Promise<number> {
  const number = await deploy(store, application, model);
  await store.settle(application, number, { kind: "running" });
  return number;
}

async function wantedOf(store: ServeStore, application: string): Promise<FullRelease> {
  const found = (await store.current()).find((current) => current.application === application);
  assert.ok(found?.kind === "wanted", `${application} is ${found?.kind}`);
  return found.wanted;
}

const namesOf = (current: readonly CurrentApplication[]): string[] =>
  current.map(({ application }) => application);

test("what was applied is wanted, with its content as it was given and who asked when", async () => {
  await using backend = await LocalBackend.start();
  const clock = new FakeClock();
  const store = await ServeStore.open(backend, { clock });
  const settings = { http_options: { port: 8000 } };
  assert.deepEqual(await store.current(), []);
  assert.equal(await store.settings(), undefined);
  const outcome = await store.apply({
    ...ASKED,
    deploy: new Map([
      ["shop", content("a.onnx")],
      ["bank", content("b.onnx")],
    ]),
    settings,
  });
  assert.ok(outcome.kind === "applied" && outcome.releases.length === 2);
  // Another one on the same backend, as after a restart.
  const again = await ServeStore.open(backend);
  assert.deepEqual(namesOf(await again.current()), ["bank", "shop"]);
  assert.deepEqual(await wantedOf(again, "shop"), {
    application: "shop",
    number: 1,
    atEpochMs: clock.epochMs(),
    ...ASKED,
    rollback: undefined,
    outcome: { kind: "deploying" },
    ...content("a.onnx"),
  });
  assert.deepEqual(await again.settings(), settings);
});

test("a config comes back as the same config", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  const application = {
    name: "shop",
    route_prefix: "/shop",
    deployments: [
      {
        name: "price",
        model: "m.onnx",
        user_config: { ünï: [null, 0.1, "\u0000"] },
        request_timeout_s: 0.0011,
      },
    ],
  };
  const decoded = (config: unknown, directory: string) =>
    decodeConfig(JSON.stringify({ applications: [config] }), { file: `${directory}/shoal.yaml` });
  await store.apply({ ...ASKED, deploy: new Map([["shop", { config: application, directory: "/srv" }]]) });
  const { config, directory } = await wantedOf(store, "shop");
  assert.equal(decoded(config, directory).kind, "ok");
  assert.deepEqual(decoded(config, directory), decoded(application, "/srv"));
});

test("a release that has run has run, one left for another is superseded, one that failed says why", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  await deployGood(store, "shop");
  await deploy(store, "shop");
  const failed = await deploy(store, "shop");
  await store.settle("shop", failed, { kind: "failed", reason: "replica 3 died: no such model" });
  // A good release that gets into trouble later has still run.
  const kept = await store.settle("shop", 1, { kind: "failed", reason: "later" });
  assert.equal(kept?.outcome.kind, "running");
  assert.equal(await store.settle("shop", 99, { kind: "running" }), undefined);
  const outcomes = (await store.history("shop")).map(({ number, outcome }) => [number, outcome.kind]);
  assert.deepEqual(outcomes, [
    [3, "failed"],
    [2, "superseded"],
    [1, "running"],
  ]);
  const [newest] = await store.history("shop");
  assert.ok(newest?.outcome.kind === "failed" && newest.outcome.reason === "replica 3 died: no such model");
});

test("what is known already is not written again", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  const number = await deploy(store, "shop");
  const failure = { kind: "failed", reason: "broken" } as const;
  await store.settle("shop", number, failure);
  const { revision } = await backend.keyValue.list("");
  await store.settle("shop", number, failure);
  await store.apply({ ...ASKED, remove: ["nobody"] });
  assert.equal((await backend.keyValue.list("")).revision, revision);
});

test("a rollback is a release of its own with the content of the last good one, and names both", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  await deployGood(store, "shop", "one.onnx");
  await deployGood(store, "shop", "two.onnx");
  const broken = await deploy(store, "shop", "broken.onnx");
  const [current] = await store.current();
  assert.ok(current?.kind === "wanted");
  assert.deepEqual([current.wanted.number, current.good?.number], [3, 2]);
  assert.deepEqual(current.good?.config, content("two.onnx").config);

  const back = await store.rollBack("shop", { ...ASKED, failure: "replica 1 died" });
  assert.ok(back.kind === "rolled back");
  assert.deepEqual(back.release.rollback, { from: broken, to: 2 });
  assert.deepEqual(await wantedOf(store, "shop"), back.release);
  assert.deepEqual(back.release.config, content("two.onnx").config);
  const failed = await store.release("shop", broken);
  assert.ok(failed?.outcome.kind === "failed" && failed.outcome.reason === "replica 1 died");

  // Again, and it goes further back; then there is nothing.
  await store.settle("shop", back.release.number, { kind: "running" });
  const further = await store.rollBack("shop", ASKED);
  assert.ok(further.kind === "rolled back");
  assert.deepEqual(further.release.rollback, { from: 4, to: 1 });
  assert.deepEqual(await store.rollBack("shop", ASKED), { kind: "no target" });
  // By number, also to one that failed; not to one that is not there.
  const named = await store.rollBack("shop", { ...ASKED, to: broken });
  assert.ok(named.kind === "rolled back");
  assert.deepEqual(named.release.config, content("broken.onnx").config);
  assert.deepEqual(await store.rollBack("shop", { ...ASKED, to: 99 }), { kind: "no target" });
});

test("a removed application is not wanted, keeps its history, and can come back", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  await deployGood(store, "shop", "one.onnx");
  await deployGood(store, "bank");
  await store.apply({ ...ASKED, remove: ["shop", "nobody"] });
  assert.deepEqual(namesOf(await store.current()), ["bank"]);
  assert.equal((await store.history("shop")).length, 1);
  const back = await store.rollBack("shop", ASKED);
  assert.ok(back.kind === "rolled back");
  assert.deepEqual([back.release.number, back.release.rollback], [2, { from: 0, to: 1 }]);
  assert.deepEqual((await wantedOf(store, "shop")).config, content("one.onnx").config);
});

test("a change of many applications is made as a whole, or not at all (1)", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  await deploy(store, "shop");
  const before = await backend.keyValue.list("");
  const many = new Map<string, ReleaseContent>([
    ["bank", content("b.onnx")],
    ["large", { config: { text: "x".repeat(1_000_000) }, directory: "/srv" }],
  ]);
  await assert.rejects(store.apply({ ...ASKED, deploy: many, remove: ["shop"] }), {
    code: "INVALID_CONFIG",
    message: /"large": its config takes 10\d{5} bytes, at most 1000000/,
  });
  const tooMany = new Map(Array.from({ length: 400 }, (_, index) => [`app${index}`, content("a.onnx")]));
  await assert.rejects(store.apply({ ...ASKED, deploy: tooMany }), { code: "INVALID_CONFIG" });
  for (const name of ["a/b", "", "..", "x".repeat(129)]) {
    await assert.rejects(store.apply({ ...ASKED, deploy: new Map([[name, content("a")]]) }), {
      code: "INVALID_ARGUMENT",
    });
  }
  assert.deepEqual(await backend.keyValue.list(""), before);
});

test("a change decided on another release than the wanted one is refused with that (2)", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  await deploy(store, "shop");
  await deploy(store, "shop");
  const on = (number: number) =>
    store.apply({
      ...ASKED,
      deploy: new Map([["shop", content("c.onnx")]]),
      onTopOf: new Map([["shop", number]]),
    });
  assert.deepEqual(await on(1), { kind: "conflict", application: "shop", wanted: 2 });
  assert.equal((await on(2)).kind, "applied");
  const first = { ...ASKED, deploy: new Map([["bank", content("b")]]), onTopOf: new Map([["bank", 0]]) };
  assert.equal((await store.apply(first)).kind, "applied");
  assert.deepEqual(await store.apply(first), { kind: "conflict", application: "bank", wanted: 1 });
});

test("changes at the same time, through two of them, all take place, each with a number of its own (2)", async () => {
  await using backend = await LocalBackend.start();
  const stores = [await ServeStore.open(backend), await ServeStore.open(backend)];
  const numbers = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const store = stores[index % 2];
      assert.ok(store !== undefined);
      return await deploy(store, "shop", `${index}.onnx`);
    }),
  );
  assert.deepEqual(
    numbers.sort((one, other) => one - other),
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
});

test("so many releases are kept, and the last good one however many failed since (3)", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend, { keepReleases: 5 });
  await deployGood(store, "shop", "good.onnx");
  for (let count = 0; count < 12; count++) {
    const number = await deploy(store, "shop", "bad.onnx");
    await store.settle("shop", number, { kind: "failed", reason: "broken" });
  }
  const numbers = (await store.history("shop")).map(({ number }) => number);
  assert.deepEqual(numbers, [13, 12, 11, 10, 9, 1]);
  assert.equal((await store.rollbackTarget("shop"))?.number, 1);
  assert.equal(await store.release("shop", 4), undefined);
  // Content and account of each, which is wanted, and the format: nothing else is left.
  assert.equal((await backend.keyValue.list("serve/")).entries.length, 6 * 2 + 1 + 1);
});

test("so many removed applications are kept, the last removed (3)", async () => {
  await using backend = await LocalBackend.start();
  const clock = new FakeClock();
  const store = await ServeStore.open(backend, { keepRemoved: 2, clock });
  for (const name of ["d", "b", "c", "a"]) {
    await deployGood(store, name);
    clock.advance(1_000);
    await store.apply({ ...ASKED, remove: [name] });
  }
  const left = await Promise.all(["a", "b", "c", "d"].map((name) => store.history(name)));
  assert.deepEqual(
    left.map(({ length }) => length),
    [1, 0, 1, 0],
  );
  assert.equal((await backend.keyValue.list("serve/")).entries.length, 2 * 3 + 1);
});

test("applications of a later format are refused, and nothing is changed", async () => {
  await using backend = await LocalBackend.start();
  await backend.keyValue.put("serve/format", Buffer.from('{"version":2}'));
  const before = await backend.keyValue.list("");
  await assert.rejects(ServeStore.open(backend), {
    code: "STORE_TOO_NEW",
    message: /found format 2, wanted at most 1/,
  });
  assert.deepEqual(await backend.keyValue.list(""), before);
});

test("what is damaged of one application is told with its key, and does not touch the others", async () => {
  const damages: [string, string | undefined][] = [
    ["serve/wanted/shop", "{"],
    ["serve/wanted/shop", '{"number":1,"last":"1"}'],
    ["serve/releases/shop/0000000001", '{"outcome":{"kind":"new"}}'],
    ["serve/configs/shop/0000000001", "\u{FFFD}"],
    ["serve/configs/shop/0000000001", undefined],
  ];
  for (const [key, value] of damages) {
    await using backend: Backend = await LocalBackend.start();
    const store = await ServeStore.open(backend);
    await deployGood(store, "bank");
    await deployGood(store, "shop");
    if (value === undefined) await backend.keyValue.delete(key);
    else await backend.keyValue.put(key, Buffer.from(value));
    const [bank, shop] = await store.current();
    assert.equal(bank?.kind, "wanted");
    assert.ok(shop?.kind === "unreadable" && shop.application === "shop", key);
    assert.equal(shop.error.code, "STORE_CORRUPT");
    if (value !== undefined) assert.ok(shop.error.message.includes(`"${key}"`), shop.error.message);
  }
});

test("what is remembered of a deployment is replaced, forgotten, and damaged alone", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  await store.remember("deployment", "a", { at: 1 });
  await store.remember("deployment", "b", { at: 1 });
  await store.remember("deployment", "a", { at: 2 });
  await backend.keyValue.put("serve/memory/c", Buffer.from("{"));
  assert.deepEqual(
    [...(await store.memories("deployment"))],
    [
      ["a", { at: 2 }],
      ["b", { at: 1 }],
      ["c", undefined],
    ],
  );
  for (const name of ["a", "c", "never"]) await store.remember("deployment", name, undefined);
  assert.deepEqual([...(await store.memories("deployment")).keys()], ["b"]);
  await store.remember("traffic", "b", { slots: [] });
  assert.deepEqual([...(await store.memories("traffic")).keys()], ["b"]);
  await assert.rejects(store.remember("deployment", "../b", {}), { code: "INVALID_ARGUMENT" });
});

test("applications are known as long as they have a history", async () => {
  await using backend = await LocalBackend.start();
  const store = await ServeStore.open(backend);
  await deploy(store, "shop");
  await deploy(store, "bank");
  await store.apply({ ...ASKED, remove: ["shop"] });
  assert.deepEqual(await store.known(), ["bank", "shop"]);
});
