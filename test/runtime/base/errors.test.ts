import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import {
  asShoalError,
  ERROR_CODES,
  type ErrorCode,
  messageOf,
  redactPaths,
  ShoalError,
} from "../../../runtime/base/index.ts";
import { checkProperty } from "../../support/properties.ts";

describe("the table of codes", () => {
  const codes = Object.entries(ERROR_CODES);

  test("gives each a status of an error, a gRPC status that is not OK, and what a retry brings", () => {
    for (const [code, { httpStatus, grpcStatus, retry }] of codes) {
      assert(httpStatus >= 400 && httpStatus <= 599, code);
      assert(grpcStatus >= 1 && grpcStatus <= 16, code);
      assert(["never", "later", "elsewhere"].includes(retry), code);
      assert.match(code, /^[A-Z]+(_[A-Z]+)*$/);
    }
  });

  test("has the statuses that clients rely on", () => {
    const statuses = Object.fromEntries(codes.map(([code, { httpStatus }]) => [code, httpStatus]));
    assert.deepEqual(
      {
        INVALID_ARGUMENT: statuses["INVALID_ARGUMENT"],
        NOT_FOUND: statuses["NOT_FOUND"],
        BODY_TOO_LARGE: statuses["BODY_TOO_LARGE"],
        QUEUE_FULL: statuses["QUEUE_FULL"],
        ENGINE_FAILED: statuses["ENGINE_FAILED"],
        DRAINING: statuses["DRAINING"],
        DEADLINE_EXCEEDED: statuses["DEADLINE_EXCEEDED"],
      },
      {
        INVALID_ARGUMENT: 400,
        NOT_FOUND: 404,
        BODY_TOO_LARGE: 413,
        QUEUE_FULL: 429,
        ENGINE_FAILED: 500,
        DRAINING: 503,
        DEADLINE_EXCEEDED: 504,
      },
    );
  });

  test("never asks to retry what the client itself got wrong", () => {
    for (const [code, { httpStatus, retry }] of codes) {
      if (httpStatus < 500 && httpStatus !== 408 && httpStatus !== 429) assert.equal(retry, "never", code);
    }
  });
});

describe("ShoalError", () => {
  test("crosses a process boundary with its code, message and pause, but no stack of ours", () => {
    const error = new ShoalError("QUEUE_FULL", "full", { retryAfterMs: 250 });
    const wire: unknown = JSON.parse(JSON.stringify(error.toWire()));
    assert.deepEqual(wire, { code: "QUEUE_FULL", message: "full", retryAfterMs: 250 });
    const back = ShoalError.fromWire(error.toWire());
    assert.equal(back.code, "QUEUE_FULL");
    assert.equal(back.retryAfterMs, 250);
    assert.equal(back.kind.httpStatus, 429);
  });

  test("carries the stack of the user code that threw, for logs", () => {
    const cause = new Error("boom");
    const wire = new ShoalError("ENGINE_FAILED", "failed", { cause }).toWire();
    assert.equal(wire.remoteStack, cause.stack);
    const back = ShoalError.fromWire(wire);
    assert.equal(back.remoteStack, cause.stack);
    assert.equal(back.toWire().remoteStack, cause.stack, "and on, over a second boundary");
  });

  test("of a code nobody knows is INTERNAL", () => {
    for (const code of ["NO_SUCH", "toString", "__proto__"]) {
      assert.equal(ShoalError.fromWire({ code: code as ErrorCode, message: "m" }).code, "INTERNAL");
    }
  });

  test("tells clients no path, unless what it quotes is the client's own (invariant 1)", () => {
    const message = "Cannot load /srv/models/a.onnx";
    assert.equal(new ShoalError("INTERNAL", message).publicMessage, "Cannot load <path>");
    const quoting = new ShoalError("NOT_FOUND", "Cannot GET /no/such/route", { verbatim: true });
    assert.equal(quoting.publicMessage, "Cannot GET /no/such/route");
    assert.equal(ShoalError.fromWire(quoting.toWire()).publicMessage, "Cannot GET <path>");
  });

  test("tells clients a message of bounded length, whatever it quotes", () => {
    const { publicMessage } = new ShoalError("INVALID_ARGUMENT", `found ${"x".repeat(1_000_000)}`);
    assert.equal(publicMessage.length, 2_001);
    assert(publicMessage.endsWith("x…"));
  });

  test("is kept by asShoalError, anything else is wrapped with its cause", () => {
    const own = new ShoalError("NOT_FOUND", "no");
    assert.equal(asShoalError(own, "INTERNAL"), own);
    const thrown = new TypeError("bad");
    const wrapped = asShoalError(thrown, "CALL_FAILED", "square");
    assert.equal(wrapped.code, "CALL_FAILED");
    assert.equal(wrapped.message, "square: bad");
    assert.equal(wrapped.cause, thrown);
  });

  test("has a message whatever was thrown", () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    for (const [thrown, wanted] of [
      [new Error("a"), "a"],
      ["b", "b"],
      [{ c: 1 }, '{"c":1}'],
      [undefined, "undefined"],
      [null, "null"],
      [Symbol("d"), "Symbol(d)"],
      [1n, "1"],
      [circular, "[object Object]"],
    ] as const) {
      assert.equal(messageOf(thrown), wanted);
    }
  });
});

describe("redactPaths", () => {
  for (const [text, wanted] of [
    ["at /home/me/x.ts:3:4", "at <path>"],
    ["file:///a", "<path>"],
    ["loading file:///srv/my%20models/a.ts failed", "loading <path> failed"],
    ['Cannot load "/home/John Doe/m.onnx": bad', 'Cannot load "<path>": bad'],
    ["ENOENT: no such file, open '/srv/a/b'", "ENOENT: no such file, open '<path>'"],
    ["/home/jörg/ü.ts", "<path>"],
    ["(/usr/lib/x.so:12)", "(<path>)"],
    ["//tmp/x/y", "<path>"],
    ["/srv/../etc/passwd", "<path>"],
    ["/dev/shm/x/", "<path>"],
    ["connect ECONNREFUSED /tmp/shoal-x/1.sock", "connect ECONNREFUSED <path>"],
    ["C:\\Users\\me\\m.onnx failed", "<path> failed"],
    ['"C:\\Program Files\\x"', '"<path>"'],
    ["\\\\server\\share\\x", "<path>"],
    ["error:/tmp/x/y", "error:<path>"],
  ] as const) {
    test(`takes the path out of ${JSON.stringify(text)}`, () => assert.equal(redactPaths(text), wanted));
  }

  for (const text of [
    "found shape [1,2], wanted [-1,16]",
    "see http://localhost:8000/v2/models/x/infer",
    "see https://example.org/a/b",
    "ratio 3/4/5, and/or",
    "content type application/json",
  ]) {
    test(`leaves ${JSON.stringify(text)} alone`, () => assert.equal(redactPaths(text), text));
  }

  test("leaves no part of an absolute path in any message", (t) => {
    const part = fc.stringMatching(/^[A-Za-z0-9_.@+~#%=&-]{4,12}$/);
    const path = fc.array(part, { minLength: 2, maxLength: 6 }).map((parts) => `/${parts.join("/")}`);
    const around = fc.constantFrom(
      ["", ""],
      ["open ", " failed"],
      ["'", "'"],
      ["(", ":12:3)"],
      ["at: ", ", x"],
    );
    checkProperty(
      t,
      fc.property(path, around, (secret, [before, after]) => {
        const told = redactPaths(before + secret + after);
        for (const word of secret.split("/").slice(1)) assert(!told.includes(word), told);
      }),
      1_000,
    );
  });

  test("takes time in proportion to the text: a long run of slashes and quotes ends", () => {
    for (const piece of ["/", '"/a/', '"file://', "\\", "'/a/'/b", "/a:1", "C:\\", "https://"]) {
      assert.equal(typeof redactPaths(piece.repeat(300_000)), "string");
    }
  });
});
