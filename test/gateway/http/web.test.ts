// Whole web requests, passed on to a far side that is a real HTTP server on a Unix socket.

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { until } from "../../support/until.ts";
import { assertRefused } from "./support.ts";
import { chunk, type Handler, openWeb } from "./web-door.ts";

const MIB = 1024 * 1024;

describe("what the far side sees", () => {
  const echo: Handler = (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { method, url, rawHeaders } = request;
      response.end(JSON.stringify({ method, url, rawHeaders, body: Buffer.concat(parts).toString() }));
    });
  };

  interface Echo {
    readonly method: string;
    readonly url: string;
    readonly rawHeaders: readonly string[];
    readonly body: string;
  }

  async function ask(
    line: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
  ): Promise<Echo> {
    await using door = await openWeb(echo);
    using connection = await door.connect();
    await connection.request(line, headers, body);
    const response = await connection.response();
    assert.equal(response.status, 200, response.body.toString());
    return JSON.parse(response.body.toString()) as Echo;
  }

  const headersOf = ({ rawHeaders }: Echo): Record<string, string> =>
    Object.fromEntries(
      rawHeaders.flatMap((name, index) =>
        index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1] ?? ""]] : [],
      ),
    );

  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    test(`${method} with its body`, async () => {
      const echoed = await ask(`${method} /web/below?q=1&q=2`, {}, "hello");
      assert.equal(echoed.method, method);
      assert.equal(echoed.url, "/web/below?q=1&q=2");
      assert.equal(echoed.body, "hello");
    });
  }

  test("the module's own URL, with the prefix taken off and told (invariant 1)", async () => {
    for (const [target, path] of [
      ["/web", "/"],
      ["/web/", "/"],
      ["/web/a%20b/c?d=e", "/a%20b/c?d=e"],
      ["/web?x=1", "/?x=1"],
      ["/web//evil.example/x", "//evil.example/x"],
    ] as const) {
      const headers = headersOf(await ask(`GET ${target}`, { host: "shoal.test:81" }));
      assert.equal(headers["x-shoal-web-url"], `http://shoal.test:81${path}`);
      assert.equal(headers["x-forwarded-prefix"], "/web");
    }
  });

  test("a Host that is none does not become an address", async () => {
    const headers = headersOf(await ask("GET /web/x", { host: "a b" }));
    assert.equal(headers["x-shoal-web-url"], "http://localhost/x");
  });

  test("no header that belongs to the connection, or that only we may set", async () => {
    const echoed = await ask(
      "POST /web",
      {
        connection: "keep-alive, X-Hop, x-shoal-web-url",
        "x-hop": "1",
        "keep-alive": "timeout=5",
        te: "trailers",
        "proxy-authorization": "secret",
        "X-Shoal-Web-Url": "http://evil.example/",
        "x-shoal-latest-start": "0",
        "X-Forwarded-Prefix": "/evil",
        expect: "100-continue",
        upgrade: "h2c",
        authorization: "Bearer for-the-module",
        "x-own": "kept",
        cookie: "a=1; b=2",
      },
      "x",
    );
    const headers = headersOf(echoed);
    for (const name of ["x-hop", "te", "proxy-authorization", "x-shoal-latest-start", "expect", "upgrade"]) {
      assert.equal(headers[name], undefined, name);
    }
    const urls = echoed.rawHeaders.filter((name) => name.toLowerCase() === "x-shoal-web-url");
    assert.equal(urls.length, 1);
    assert.equal(headers["x-shoal-web-url"], "http://shoal.test/");
    assert.equal(headers["x-forwarded-prefix"], "/web");
    assert.equal(headers["authorization"], "Bearer for-the-module");
    assert.equal(headers["x-own"], "kept");
    assert.equal(headers["cookie"], "a=1; b=2");
    assert.equal(headers["host"], "replica");
  });

  test("a header that came twice comes twice", async () => {
    await using door = await openWeb(echo);
    using connection = await door.connect();
    await connection.write("GET /web HTTP/1.1\r\nHost: x\r\nX-Many: 1\r\nX-Many: 2\r\n\r\n");
    const echoed = JSON.parse((await connection.response()).body.toString()) as Echo;
    const values = echoed.rawHeaders.filter((_, index) => echoed.rawHeaders[index - 1] === "X-Many");
    assert.deepEqual(values, ["1", "2"]);
  });

  test("a body in chunks", async () => {
    const echoed = await ask(
      "POST /web",
      { "transfer-encoding": "chunked" },
      `${chunk("ab")}${chunk("c")}0\r\n\r\n`,
    );
    assert.equal(echoed.body, "abc");
  });
});

describe("what the client gets", () => {
  test("status, reason, headers and every cookie of its own", async () => {
    await using door = await openWeb((_request, response) => {
      const headers = [
        ["Content-Type", "text/plain"],
        ["Set-Cookie", "a=1; Path=/"],
        ["Set-Cookie", "b=2, x"],
        ["X-Own", "é"],
        ["Connection", "X-Hop"],
        ["X-Hop", "1"],
        ["Keep-Alive", "timeout=1"],
      ];
      response.writeHead(418, headers.flat());
      // As bytes: with a text Node would write the headers as UTF-8 too.
      response.end(Buffer.from("teapot"));
    });
    using connection = await door.connect();
    await connection.request("GET /web");
    const response = await connection.response();
    assert.equal(response.status, 418);
    assert.equal(response.body.toString(), "teapot");
    assert.deepEqual(response.setCookies, ["a=1; Path=/", "b=2, x"]);
    assert.equal(response.headers["x-own"], "é");
    assert.equal(response.headers["x-hop"], undefined);
    assert.notEqual(response.headers["keep-alive"], "timeout=1");
  });

  for (const status of [204, 304]) {
    test(`${status} has no body, and the connection goes on`, async () => {
      await using door = await openWeb((_request, response) => response.writeHead(status).end());
      using connection = await door.connect();
      for (let time = 0; time < 3; time++) {
        await connection.request("GET /web");
        assert.equal((await connection.response()).status, status);
      }
    });
  }

  test("HEAD has the length and no body, and the connection goes on", async () => {
    await using door = await openWeb((_request, response) => {
      response.writeHead(200, { "content-length": "5" }).end("hello");
    });
    using connection = await door.connect();
    for (let time = 0; time < 3; time++) {
      await connection.request("HEAD /web");
      const head = await connection.response(true);
      assert.equal(head.headers["content-length"], "5");
    }
    await connection.request("GET /web");
    assert.equal((await connection.response()).body.toString(), "hello");
  });

  test("an upgrade is answered as a request without one", async () => {
    await using door = await openWeb((_request, response) => response.end("plain"));
    using connection = await door.connect();
    await connection.request("GET /web", {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
    });
    const response = await connection.response();
    assert.equal(response.status, 200);
    assert.equal(response.headers["upgrade"], undefined);
    await connection.request("GET /web");
    assert.equal((await connection.response()).status, 200);
  });

  test("paths that are not its own are 404", async () => {
    await using door = await openWeb((_request, response) => response.end());
    using connection = await door.connect();
    await connection.request("GET /webster");
    assertRefused(await connection.response(), 404, /Cannot GET \/webster/);
    await connection.request("POST /v2/models/web/infer", {}, "{}");
    assertRefused(await connection.response(), 404, /unknown model: 'web'/);
    assert.equal(door.seen.length, 0);
  });
});

describe("streaming", () => {
  test("both ways at once: each part arrives before the next is sent", async () => {
    await using door = await openWeb((request, response) => {
      response.writeHead(200);
      response.flushHeaders();
      request.on("data", (part: Buffer) => response.write(`<${part.toString()}>`));
      request.on("end", () => response.end("."));
    });
    using connection = await door.connect();
    await connection.request("POST /web", { "transfer-encoding": "chunked" });
    for (const part of ["one", "two", "three"]) {
      await connection.write(chunk(part));
      let got = "";
      while (!got.includes(`<${part}>`)) got += (await connection.chunk()).toString();
    }
    await connection.write("0\r\n\r\n");
    let rest = "";
    while (!rest.endsWith("0\r\n\r\n")) rest += (await connection.chunk()).toString();
    await connection.request("POST /web", {}, "x");
    assert.equal((await connection.response()).body.toString(), "<x>.");
  });

  test("an answer that never ends is cut off at the far side when the client leaves", async () => {
    const aborted = Promise.withResolvers<void>();
    await using door = await openWeb((_request, response) => {
      response.writeHead(200);
      const more = (): void => {
        if (!response.destroyed) response.write("x".repeat(1_000), () => setImmediate(more));
      };
      more();
      response.on("close", aborted.resolve);
    });
    const connection = await door.connect();
    await connection.request("GET /web");
    await connection.chunk();
    connection.reset();
    await aborted.promise;
    await until(() => door.server.openRequests === 0 && door.web.dispatcher.open === 0);
  });

  test("a client that leaves before any answer aborts the far side as well", async () => {
    const aborted = Promise.withResolvers<void>();
    await using door = await openWeb((_request, response) => void response.on("close", aborted.resolve));
    const connection = await door.connect();
    await connection.request("POST /web", { "content-length": "10" }, "half");
    await until(() => door.seen.length === 1);
    connection.reset();
    await aborted.promise;
    await until(() => door.server.openRequests === 0 && door.web.dispatcher.open === 0);
  });

  test("a slow reader holds the far side back, in bounded memory", async () => {
    let written = 0;
    const stalled = Promise.withResolvers<void>();
    await using door = await openWeb((_request, response) => {
      response.writeHead(200);
      const piece = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (written < 1024 * MIB && response.write(piece)) written += piece.byteLength;
        stalled.resolve();
      };
      response.on("drain", more);
      more();
    });
    // A client that sends its request and reads nothing.
    const { connect } = await import("node:net");
    const socket: Socket = connect(Number(new URL(door.url).port), "127.0.0.1");
    socket.pause();
    socket.write("GET /web HTTP/1.1\r\nHost: x\r\n\r\n");
    await stalled.promise;
    // As long as bytes still move, let them: buffers of the system fill up, then nothing moves any more.
    for (let still = 0, last = -1; still < 2_000; still++) {
      if (written !== last) still = 0;
      last = written;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert(written < 64 * MIB, `${written} bytes were taken from the far side`);
    socket.destroy();
  });
});
