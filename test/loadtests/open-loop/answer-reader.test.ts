import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, AnswerReader } from "../../../loadtests/open-loop/answer-reader.ts";
import { answer } from "./far-side.ts";

function read(text: string, pieceBytes = text.length): readonly Answer[] {
  const reader = new AnswerReader();
  const bytes = Buffer.from(text);
  const answers: Answer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    answers.push(...reader.push(piece, piece.length));
  }
  return answers;
}

test("a refusal's code and when to come back are read, in one piece and byte by byte", () => {
  const headers = { "Retry-After": "7", "X-Should-Retry": "true", "X-Request-Id": "run-5" };
  const text = answer(429, '{"error": "full", "code": "QUEUE_FULL"}', headers);
  const wanted = {
    status: 429,
    keepAlive: true,
    requestId: "run-5",
    code: "QUEUE_FULL",
    shouldRetry: true,
    retryAfterMs: 7000,
  };
  assert.deepEqual(read(text), [wanted]);
  assert.deepEqual(read(text, 1), [wanted]);
  assert.deepEqual(read(text + text), [wanted, wanted]);
});

test("a success is not searched, and what one answer said is not the next one's", () => {
  const [first, second, third] = read(
    answer(503, '{"code": "A"}', {
      "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT",
      "x-should-retry": "false",
    }) +
      answer(200, '{"code": "B"}', { "retry-after": "1" }) +
      answer(500, "{}"),
  );
  assert.deepEqual([first?.code, first?.retryAfterMs, first?.shouldRetry], ["A", undefined, false]);
  assert.deepEqual([second?.code, second?.retryAfterMs, second?.shouldRetry], ["", undefined, undefined]);
  assert.deepEqual([third?.code, third?.shouldRetry], ["", undefined]);
});

test("1: of a long body only its beginning is kept, and of a long code only a name", () => {
  const long = "x".repeat(10_000);
  assert.equal(read(answer(500, `{"code": "EARLY", "more": "${long}"}`))[0]?.code, "EARLY");
  assert.equal(read(answer(500, `{"more": "${long}", "code": "LATE"}`))[0]?.code, "");
  assert.equal(read(answer(500, `{"code": "${"y".repeat(1000)}"}`))[0]?.code, "y".repeat(64));
});

test("what is no HTTP is broken; the answers before it count", () => {
  const reader = new AnswerReader();
  const bytes = Buffer.from(`${answer(200)}SSH-2.0-OpenSSH_9.2\r\n`);
  assert.deepEqual(
    reader.push(bytes, bytes.length).map(({ status }) => status),
    [200],
  );
  assert.equal(reader.broken, true);
});
