// The text example's module alone, without a server around it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Text } from "../../examples/text/text.ts";
import { seeded, Trigrams } from "../../examples/text/trigrams.ts";

const URL_BASE = "http://127.0.0.1/text";

async function started(): Promise<Text> {
  const text = new Text();
  await text.start({ userConfig: undefined });
  return text;
}

function post(body: unknown, headers: Record<string, string> = {}): Request {
  return new Request(URL_BASE, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

test("the model gives only words that followed, and backs off for what it has not seen", () => {
  const model = Trigrams.learn("one two three one two three");
  for (let seed = 0; seed < 20; seed++) {
    assert.equal(model.next(["one", "two"], seeded(seed)), "three");
    assert.equal(model.next(["never", "seen", "TWO"], seeded(seed)), "three");
    assert.ok(["one", "two", "three"].includes(model.next(["unknown"], seeded(seed))));
  }
  assert.equal(new Trigrams().next([], seeded(1)), "");
});

test("the same seed gives the same words, by JSON, by query and as a text body; another seed gives others", async () => {
  const text = await started();
  const wish = { prompt: "Alice was", max_words: 25, seed: 7 };
  const first = await (await text.fetch(post(wish))).text();
  const query = new URLSearchParams({ prompt: "Alice was", max_words: "25", seed: "7" });
  const second = await (await text.fetch(new Request(`${URL_BASE}?${query.toString()}`))).text();
  const third = await text.fetch(
    new Request(`${URL_BASE}?max_words=25&seed=7`, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "Alice was",
    }),
  );
  assert.equal(second, first);
  assert.equal(await third.text(), first);
  assert.equal(first.trim().split(" ").length, 25);
  assert.notEqual(await (await text.fetch(post({ ...wish, seed: 8 }))).text(), first);
});

test("with accept: text/event-stream every word is an event, and the last says how many", async () => {
  const text = await started();
  const response = await text.fetch(post({ prompt: "Down,", max_words: 3 }, { accept: "text/event-stream" }));
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const events = (await response.text()).split("\n\n").filter(Boolean);
  const data: unknown[] = events.map((event) => JSON.parse(event.replace(/^data: /, "")));
  assert.equal(data.length, 4);
  assert.partialDeepStrictEqual(data[0], { index: 0 });
  assert.deepEqual(data[3], { done: true, words: 3 });
});

test("a text body of any length is read chunk by chunk; a word may be cut anywhere", async () => {
  const text = await started();
  const encoded = Buffer.from(`${"word ".repeat(100_000)}the White`);
  const chunks = ReadableStream.from(
    (function* () {
      for (let at = 0; at < encoded.length; at += 997) yield encoded.subarray(at, at + 997);
    })(),
  );
  const response = await text.fetch(
    new Request(`${URL_BASE}?max_words=1`, {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: chunks,
      duplex: "half",
    }),
  );
  assert.equal(await response.text(), "Rabbit\n");
});

for (const [what, request, status] of [
  ["no JSON", () => post("{"), 400],
  ["a list", () => post([]), 400],
  ["an unknown field", () => post({ promt: "x" }), 400],
  ["a prompt that is no string", () => post({ prompt: 1 }), 400],
  ["no words", () => post({ max_words: 0 }), 400],
  ["too many words", () => post({ max_words: 2001 }), 400],
  ["half a word", () => post({ max_words: 1.5 }), 400],
  ["a seed that is no number", () => post({ seed: "one" }), 400],
  ["max_words of letters", () => new Request(`${URL_BASE}?max_words=abc`), 400],
  ["a large body", () => post({ prompt: "x".repeat(70_000) }), 413],
  ["another method", () => new Request(URL_BASE, { method: "DELETE" }), 405],
] as const) {
  test(`${what} is answered with ${status} and an error`, async () => {
    const response = await (await started()).fetch(request());
    assert.equal(response.status, status);
    assert.deepEqual(Object.keys((await response.json()) as object), ["error"]);
  });
}

test("1: no word is made once the client is gone", async () => {
  const text = await started();
  text.reconfigure({ pause_ms: 5 });
  const gone = new AbortController();
  const request = new Request(`${URL_BASE}?max_words=2000`, { signal: gone.signal });
  const reader = (await text.fetch(request)).body?.getReader();
  assert.equal((await reader?.read())?.done, false);
  gone.abort();
  await assert.rejects(async () => {
    // What was made before may still be there.
    for (;;) if ((await reader?.read())?.done !== false) return;
  });
});

test("infer continues each prompt, batched or not", async () => {
  const text = await started();
  const tensor = (data: string[]) => ({ datatype: "BYTES", shape: [data.length], data, raw: [] }) as const;
  const both = text.infer({ prompt: tensor(["Alice was", "Down, down,"]) });
  const one = text.infer({ prompt: tensor(["Down, down,"]) });
  assert.equal(both.text.length, 2);
  assert.equal(both.text[1], one.text[0]);
});

test("a wrong user_config is refused", async () => {
  await assert.rejects(new Text().start({ userConfig: { pause_ms: -1 } }), /found pause_ms -1/);
});
