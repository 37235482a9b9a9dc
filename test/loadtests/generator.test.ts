import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { test } from "node:test";
import { Generator } from "../../loadtests/http/generator.ts";
import { type LoadTarget, runLoad } from "../../loadtests/http/load.ts";
import { encodeRequest } from "../../loadtests/http/message.ts";

interface Far extends AsyncDisposable {
  readonly target: LoadTarget;
}

async function serve(listener: RequestListener): Promise<Far> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    target: { host: "127.0.0.1", port: address.port },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Counts the requests whose body came whole. */
function counting(counts: { whole: number }, bodyBytes: number): RequestListener {
  return (request, response) => {
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
    });
    request.on("end", () => {
      if (size === bodyBytes) counts.whole++;
      response.end("ok");
    });
  };
}

for (const connections of [1, 7, 64]) {
  test(`3: with a request count, exactly so many are sent and counted, ${connections} connections`, async () => {
    const counts = { whole: 0 };
    await using far = await serve(counting(counts, 3000));
    const message = encodeRequest({ method: "POST", path: "/", body: Buffer.alloc(3000) });
    const amount = { requests: 1000, warmUpRequests: 100 };
    const report = await runLoad({ target: far.target, messages: [message], connections, amount });
    assert.equal(report.completed, 1000);
    assert.deepEqual(report.statuses, { 200: 1000 });
    assert.equal(report.latency.count, 1000);
    assert.equal(report.failed, 0);
    assert.equal(counts.whole, 1100);
    assert.ok(report.latency.p50Ms > 0 && report.latency.p50Ms <= report.latency.p99Ms);
    assert.ok(report.latency.p99Ms <= report.latency.maxMs);
  });
}

test("chunked answers, connections closed after each answer, and every status are counted", async () => {
  let answered = 0;
  await using far = await serve((_request, response) => {
    const status = [200, 404, 429, 500][answered++ % 4] ?? 0;
    response.writeHead(status, answered % 8 < 4 ? {} : { connection: "close" });
    response.write("part one, ");
    response.end("part two");
  });
  const message = encodeRequest({ method: "GET", path: "/" });
  const amount = { requests: 400, warmUpRequests: 0 };
  const report = await runLoad({ target: far.target, messages: [message], connections: 5, amount });
  assert.deepEqual(report.statuses, { 200: 100, 404: 100, 429: 100, 500: 100 });
  assert.equal(report.failed, 0);
});

test("4: requests whose connection broke are failed, and the load ends", async () => {
  let seen = 0;
  await using far = await serve((request, response) => {
    if (++seen % 10 === 0) request.socket.destroy();
    else response.end("ok");
  });
  const message = encodeRequest({ method: "GET", path: "/" });
  const amount = { requests: 500, warmUpRequests: 0 };
  const report = await runLoad({ target: far.target, messages: [message], connections: 4, amount });
  assert.equal(report.failed, 50);
  assert.equal(report.completed, 450);
});

test("2: with a duration, the rate is that of the completions in the window", async () => {
  const counts = { whole: 0 };
  await using far = await serve(counting(counts, 10));
  const message = encodeRequest({ method: "POST", path: "/", body: Buffer.alloc(10) });
  const amount = { durationMs: 200, warmUpMs: 50 };
  const report = await runLoad({ target: far.target, messages: [message], connections: 8, amount });
  assert.ok(report.completed > 0 && report.completed < counts.whole);
  assert.ok(Math.abs(report.elapsedMs - 200) < 1e-6);
  // Two ways to the same quotient may differ in its last digit.
  const rate = report.completed / (report.elapsedMs / 1000);
  assert.ok(Math.abs(report.requestsPerSecond / rate - 1) < 1e-12);
});

test("messages are taken in turn", async () => {
  const paths = new Map<string, number>();
  await using far = await serve((request, response) => {
    const path = request.url ?? "";
    paths.set(path, (paths.get(path) ?? 0) + 1);
    response.end();
  });
  const messages = ["/a", "/b"].map((path) => encodeRequest({ method: "GET", path }));
  await runLoad({
    target: far.target,
    messages,
    connections: 3,
    amount: { requests: 100, warmUpRequests: 0 },
  });
  assert.deepEqual(Object.fromEntries(paths), { "/a": 50, "/b": 50 });
});

test("an abort ends the load", async () => {
  await using far = await serve(() => undefined);
  const message = encodeRequest({ method: "GET", path: "/" });
  const stop = new AbortController();
  const running = runLoad(
    {
      target: far.target,
      messages: [message],
      connections: 2,
      amount: { requests: 10, warmUpRequests: 0 },
    },
    stop.signal,
  );
  stop.abort(new Error("enough"));
  await assert.rejects(running, /enough/);
});

test("a server that is not there is told, also from the generator's own process", async () => {
  const target = await (async () => {
    await using gone = await serve(() => undefined);
    return gone.target;
  })();
  await using generator = await Generator.start();
  const message = encodeRequest({ method: "GET", path: "/" });
  const amount = { requests: 10, warmUpRequests: 0 };
  await assert.rejects(
    generator.run({ target, messages: [message], connections: 2, amount }),
    /Cannot keep up the load/,
  );
});

test("the generator's process counts as exactly, and runs one load after the other", async () => {
  const counts = { whole: 0 };
  await using far = await serve(counting(counts, 100));
  await using generator = await Generator.start();
  const message = encodeRequest({ method: "POST", path: "/", body: Buffer.alloc(100) });
  for (const requests of [200, 300]) {
    const amount = { requests, warmUpRequests: 0 };
    const report = await generator.run({ target: far.target, messages: [message], connections: 4, amount });
    assert.equal(report.completed, requests);
    assert.ok(report.cpuMs > 0);
  }
  assert.equal(counts.whole, 500);
});
