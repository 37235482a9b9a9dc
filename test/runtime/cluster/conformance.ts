// What every adapter of the backend port must do; run by a test file of each.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  type Backend,
  type Change,
  type KeyValue,
  MAX_CHANGES,
  MAX_VALUE_BYTES,
  type Revision,
  type WatchEvent,
} from "../../../runtime/cluster/index.ts";
import { checkAsyncProperty } from "../../support/properties.ts";

/** Registers the suite; `start` gives an empty backend each time. */
export function backendConformance(adapter: string, start: () => Promise<Backend>): void {
  const conforms = (title: string, run: (keyValue: KeyValue) => Promise<void>): void =>
    void test(`${adapter}: ${title}`, async () => {
      await using backend = await start();
      await run(backend.keyValue);
    });

  conforms("what was put is got, with its revision; what was not is undefined", async (keyValue) => {
    const revision = await committed(keyValue.put("a/b", bytes("one")));
    assert.deepEqual(await keyValue.get("a/b"), { key: "a/b", value: bytes("one"), revision });
    assert.equal(await keyValue.get("a"), undefined);
    assert.equal(await keyValue.get("a/b/c"), undefined);
  });

  conforms("a value may be empty, and as large as is allowed", async (keyValue) => {
    const large = new Uint8Array(MAX_VALUE_BYTES).fill(7);
    await committed(keyValue.put("empty", new Uint8Array()));
    await committed(keyValue.put("large", large));
    assert.deepEqual((await keyValue.get("empty"))?.value, new Uint8Array());
    assert.deepEqual((await keyValue.get("large"))?.value, large);
  });

  conforms("revisions grow with every change, also over deletions (2)", async (keyValue) => {
    const first = await committed(keyValue.put("a", bytes("1")));
    const gone = await committed(keyValue.delete("a"));
    const again = await committed(keyValue.put("a", bytes("1")));
    assert.ok(0 < first && first < gone && gone < again, `${first} ${gone} ${again}`);
  });

  conforms("a write with an expectation takes place only where it holds (2)", async (keyValue) => {
    const first = await committed(keyValue.put("a", bytes("1"), 0));
    assert.deepEqual(await keyValue.put("a", bytes("2"), 0), conflict("a", first));
    const second = await committed(keyValue.put("a", bytes("2"), first));
    assert.deepEqual(await keyValue.put("a", bytes("3"), first), conflict("a", second));
    assert.deepEqual(await keyValue.delete("a", first), conflict("a", second));
    assert.deepEqual((await keyValue.get("a"))?.value, bytes("2"));
    await committed(keyValue.delete("a", second));
    assert.deepEqual(await keyValue.put("a", bytes("4"), second), conflict("a", 0));
    await committed(keyValue.put("a", bytes("4"), 0));
  });

  conforms("of many who expect the same, one wins (2)", async (keyValue) => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => keyValue.put("lease", bytes(String(index)), 0)),
    );
    const winners = outcomes.filter(({ kind }) => kind === "committed");
    assert.equal(winners.length, 1);
    const winner = outcomes.findIndex(({ kind }) => kind === "committed");
    assert.deepEqual((await keyValue.get("lease"))?.value, bytes(String(winner)));
  });

  conforms("a commit takes place as a whole, with consecutive revisions (1)", async (keyValue) => {
    await committed(keyValue.put("old", bytes("0")));
    const revision = await committed(
      keyValue.commit([put("x", "1"), { kind: "delete", key: "old" }, put("y", "2")]),
    );
    const { entries } = await keyValue.list("");
    assert.deepEqual(
      entries.map((entry) => [entry.key, entry.revision]),
      [
        ["x", revision - 2],
        ["y", revision],
      ],
    );
  });

  conforms(
    "a commit with one conflict leaves nothing behind, not a revision either (1)",
    async (keyValue) => {
      const before = await committed(keyValue.put("b", bytes("0")));
      const outcome = await keyValue.commit([put("a", "1"), put("b", "1", before + 5), put("c", "1")]);
      assert.deepEqual(outcome, conflict("b", before));
      const listing = await keyValue.list("");
      assert.deepEqual([listing.entries.map(({ key }) => key), listing.revision], [["b"], before]);
      assert.equal(await committed(keyValue.put("d", bytes("1"))), before + 1);
    },
  );

  conforms("a list has the keys under a prefix of whole segments, in order", async (keyValue) => {
    for (const key of ["a/c", "a", "a/b", "a-b/c", "a.b/c", "a0/c", "ab/c", "a/b/c", "z"]) {
      await committed(keyValue.put(key, bytes(key)));
    }
    const keys = async (prefix: string): Promise<string[]> =>
      (await keyValue.list(prefix)).entries.map(({ key }) => key);
    assert.deepEqual(await keys("a/"), ["a/b", "a/b/c", "a/c"]);
    assert.deepEqual(await keys("a/b/"), ["a/b/c"]);
    assert.deepEqual(await keys("nothing/"), []);
    assert.equal((await keys("")).length, 9);
  });

  conforms(
    "malformed keys, prefixes and commits are refused before anything is written",
    async (keyValue) => {
      const refused = { code: "INVALID_ARGUMENT" };
      for (const key of ["", "/", "a/", "/a", "a//b", "a b", "ä", "a\n", "a*", "x".repeat(513)]) {
        await assert.rejects(keyValue.put(key, bytes("")), refused, key);
        await assert.rejects(keyValue.get(key), refused, key);
      }
      await assert.rejects(keyValue.list("a"), refused);
      await assert.rejects(watchFrom(keyValue, 0, "a").next(), refused);
      await assert.rejects(keyValue.put("a", new Uint8Array(MAX_VALUE_BYTES + 1)), refused);
      await assert.rejects(keyValue.put("a", bytes(""), -1), refused);
      await assert.rejects(keyValue.commit([]), refused);
      await assert.rejects(keyValue.commit([put("good", "1"), put("good", "2")]), refused);
      const many = Array.from({ length: MAX_CHANGES + 1 }, (_, index) => put(`k${index}`, ""));
      await assert.rejects(keyValue.commit(many), refused);
      assert.deepEqual(await keyValue.list(""), { entries: [], revision: 0 });
      await committed(keyValue.commit(many.slice(1)));
    },
  );

  conforms("a watcher that comes later sees what it has not seen, in order (3)", async (keyValue) => {
    const known = await committed(keyValue.put("a/x", bytes("1")));
    await committed(keyValue.put("b/x", bytes("elsewhere")));
    const second = await committed(keyValue.put("a/x", bytes("2")));
    const gone = await committed(keyValue.delete("a/x"));
    const events = watchFrom(keyValue, known, "a/");
    assert.deepEqual(await take(events, 2), [
      { kind: "put", key: "a/x", value: bytes("2"), revision: second },
      { kind: "delete", key: "a/x", revision: gone },
    ]);
  });

  conforms("a watcher far behind sees all of it, many small changes and large ones (3)", async (keyValue) => {
    const small = Array.from({ length: 350 }, (_, index) => put(`a/${index}`, "x"));
    const large = new Uint8Array(MAX_VALUE_BYTES);
    await committed(keyValue.commit(small));
    for (let count = 0; count < 9; count++) await committed(keyValue.put("a/large", large));
    await committed(keyValue.put("b", bytes("elsewhere")));
    await committed(keyValue.put("a/last", bytes("x")));
    const seen = (await take(watchFrom(keyValue, 0, "a/"), 360)).map(({ revision }) => revision);
    assert.deepEqual(seen, [...Array.from({ length: 359 }, (_, index) => index + 1), 361]);
  });

  conforms("a watcher that sleeps is woken by what comes, and by nothing else (3)", async (keyValue) => {
    const events = watchFrom(keyValue, (await keyValue.list("")).revision, "a/");
    const first = events.next();
    await committed(keyValue.put("b/x", bytes("elsewhere")));
    await committed(keyValue.put("a/x", bytes("here")));
    const { value } = await first;
    assert.ok(value?.kind === "put" && value.key === "a/x");
  });

  conforms("an aborted watch ends without an error, asleep or not", async (keyValue) => {
    const abort = new AbortController();
    const events = keyValue.watch({ prefix: "", after: 0, signal: abort.signal })[Symbol.asyncIterator]();
    const next = events.next();
    abort.abort();
    assert.equal((await next).done, true);
    const late = keyValue.watch({ prefix: "", after: 0, signal: abort.signal })[Symbol.asyncIterator]();
    assert.equal((await late.next()).done, true);
  });

  void test(`${adapter}: a closed backend refuses, and its watchers are told`, async () => {
    const backend = await start();
    const refused = { code: "STORE_UNAVAILABLE" };
    const asleep = assert.rejects(watchFrom(backend.keyValue, 0, "elsewhere/").next(), refused);
    const write = backend.keyValue.put("a", bytes("1"));
    const closed = backend.dispose();
    assert.equal(backend.dispose(), closed);
    // It was asked before, so it is answered.
    await Promise.all([committed(write), closed, asleep]);
    await assert.rejects(backend.keyValue.get("a"), refused);
    await assert.rejects(watchFrom(backend.keyValue, 0, "").next(), refused);
  });

  void test(`${adapter}: any history of commits ends as a map would, and is watched as it was (1, 2, 3)`, async (context) => {
    await checkAsyncProperty(
      context,
      fc.asyncProperty(fc.array(COMMIT, { maxLength: 25 }), fc.nat(20), async (commits, joinAt) => {
        await using backend = await start();
        await replay(backend.keyValue, commits, joinAt);
      }),
      25,
    );
  });
}

interface Step {
  readonly key: string;
  readonly value: string | undefined;
  /** What is expected: nothing, what is right, or what is wrong. */
  readonly expectation: "none" | "right" | "wrong";
}

const COMMIT = fc.uniqueArray(
  fc.record({
    key: fc.constantFrom("a/1", "a/2", "b/1", "b/2"),
    value: fc.option(fc.string({ maxLength: 4 }), { nil: undefined }),
    expectation: fc.constantFrom("none", "right", "right", "wrong"),
  }) as fc.Arbitrary<Step>,
  { selector: ({ key }) => key, minLength: 1, maxLength: 4 },
);

/** Applies the commits to the store and to a map; a watcher joins after some of them. */
async function replay(keyValue: KeyValue, commits: readonly Step[][], joinAt: number): Promise<void> {
  const model = new Map<string, { value: string; revision: Revision }>();
  const history: [Revision, string, string | undefined][] = [];
  let head = 0;
  const abort = new AbortController();
  const events = watchFrom(keyValue, 0, "a/", abort.signal);
  let early: Promise<IteratorResult<WatchEvent>> | undefined;
  for (const [index, steps] of commits.entries()) {
    if (index === joinAt) early = events.next();
    const changes = steps.map(({ key, value, expectation }): Change => {
      const at = model.get(key)?.revision ?? 0;
      const expected = expectation === "none" ? {} : { expected: expectation === "right" ? at : at + 1 };
      return value === undefined
        ? { kind: "delete", key, ...expected }
        : { kind: "put", key, value: bytes(value), ...expected };
    });
    const wrong = steps.find(({ expectation }) => expectation === "wrong");
    const outcome = await keyValue.commit(changes);
    if (wrong !== undefined) {
      assert.deepEqual(outcome, conflict(wrong.key, model.get(wrong.key)?.revision ?? 0));
      continue;
    }
    for (const { key, value } of steps) {
      history.push([++head, key, value]);
      if (value === undefined) model.delete(key);
      else model.set(key, { value, revision: head });
    }
    assert.deepEqual(outcome, { kind: "committed", revision: head });
  }
  const { entries, revision } = await keyValue.list("");
  assert.equal(revision, head);
  assert.deepEqual(
    entries.map((entry) => [entry.key, text(entry.value), entry.revision]),
    [...model]
      .map(([key, entry]) => [key, entry.value, entry.revision] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
  const wanted = history.filter(([, key]) => key.startsWith("a/"));
  const seen: WatchEvent[] = [];
  if (wanted.length === 0) abort.abort();
  const first = await early;
  if (first?.done === false) seen.push(first.value);
  seen.push(...(await take(events, wanted.length - seen.length)));
  assert.deepEqual(
    seen.map((event) =>
      event.kind === "missed"
        ? event
        : [event.revision, event.key, event.kind === "put" ? text(event.value) : undefined],
    ),
    wanted,
  );
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export function text(value: Uint8Array): string {
  return Buffer.from(value).toString();
}

function put(key: string, value: string, expected?: Revision): Change {
  return { kind: "put", key, value: bytes(value), ...(expected === undefined ? {} : { expected }) };
}

function conflict(key: string, revision: Revision) {
  return { kind: "conflict", key, revision };
}

export async function committed(outcome: ReturnType<KeyValue["put"]>): Promise<Revision> {
  const settled = await outcome;
  assert.equal(settled.kind, "committed");
  return settled.revision;
}

/** Without a signal, its backend's end takes it down. */
export function watchFrom(
  keyValue: KeyValue,
  after: Revision,
  prefix: string,
  signal = new AbortController().signal,
): AsyncIterator<WatchEvent> {
  return keyValue.watch({ prefix, after, signal })[Symbol.asyncIterator]();
}

export async function take(events: AsyncIterator<WatchEvent>, count: number): Promise<WatchEvent[]> {
  const taken: WatchEvent[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    assert.ok(done !== true, "the watch ended");
    taken.push(value);
  }
  return taken;
}
