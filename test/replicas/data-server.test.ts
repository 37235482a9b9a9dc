// The data server of a replica on a real socket, before an engine that does as it is told.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { type ErrorCode, ShoalError, type Tensor } from "../../runtime/base/index.ts";
import { tensor, valuesOf } from "../support/tensors.ts";
import { answerTo, TestReplica, until } from "./support.ts";

const x = tensor("x", "INT32", { shape: [2, 1], values: [7, 8] });

describe("a batch at a replica", { timeout: 60_000 }, () => {
  it("is run, and answered with its outputs and what they took", async () => {
    await using replica = await TestReplica.start();
    replica.engine.answer = (inputs) => [...inputs, tensor("y", "BYTES", { shape: [1], values: ["é"] })];
    const { status, headers, outputs } = await replica.infer([x]);
    assert.equal(status, 200);
    assert.deepEqual(outputs.map(valuesOf), [[7, 8], [String.fromCharCode(0xc3, 0xa9)]]);
    assert.deepEqual(replica.engine.ran[0]?.inputs.map(valuesOf), [[7, 8]]);
    assert.match(String(headers["x-shoal-compute-ns"]), /^\d+,\d+,\d+$/);
  });

  it("is answered whole by an engine whose tensors are freed once they are out", async () => {
    await using replica = await TestReplica.start();
    replica.engine.mayHoldTensors = false;
    const size = 4 * 2 ** 20;
    replica.engine.answer = ([input]) => [
      { ...(input as Tensor), name: "y", bytes: new Uint8Array(size).fill(7) },
    ];
    const large: Tensor = { name: "x", datatype: "UINT8", shape: [1, size], bytes: new Uint8Array(size) };
    for (let times = 0; times < 2; times++) {
      const { outputs } = await replica.infer([large]);
      assert(outputs[0]?.bytes.byteLength === size && outputs[0].bytes.every((byte) => byte === 7));
    }
  });

  for (const [header, value] of [
    ["x-shoal-region", `${process.pid}/999999/8`],
    ["x-shoal-body-region", `${process.pid}/999999/1/0/20000`],
  ] as const) {
    it(`is not run when there is nothing to read at its ${header}, and the gateway is told so`, async () => {
      await using replica = await TestReplica.start();
      const { headers, error } = await replica.infer([x], { [header]: value });
      assert.deepEqual([headers["x-shoal-unreadable"], error.code], ["true", "INVALID_ARGUMENT"]);
      assert.equal(replica.engine.ran.length, 0);
      const well = await replica.infer([x]);
      assert.deepEqual([well.status, well.headers["x-shoal-unreadable"]], [200, undefined]);
    });
  }

  it("is refused and not run after its latest start (invariant 1)", async () => {
    await using replica = await TestReplica.start();
    const nowMs = replica.clock.epochMs();
    const late = await replica.infer([x], { "x-shoal-latest-start": String(nowMs - 5) });
    assert.deepEqual([late.status, late.error.code], [503, "LATEST_START_PASSED"]);
    assert.match(late.error.error ?? "", /5 ms after its latest start/);
    const inTime = await replica.infer([x], { "x-shoal-latest-start": String(nowMs) });
    assert.deepEqual([inTime.status, replica.engine.ran.length], [200, 1]);
  });

  it("that fails is answered typed, and the server is well (invariant 3)", async () => {
    await using replica = await TestReplica.start();
    replica.engine.answer = () => {
      throw new ShoalError("INVALID_ARGUMENT", "found 3, wanted 4");
    };
    const typed = await replica.infer([x]);
    assert.deepEqual(
      [typed.status, typed.error],
      [400, { error: "found 3, wanted 4", code: "INVALID_ARGUMENT" }],
    );
    replica.engine.answer = () => Promise.reject(new TypeError("a mistake"));
    assert.deepEqual((await replica.infer([x])).error, { error: "a mistake", code: "INTERNAL" });
    replica.engine.answer = (inputs) => inputs;
    assert.equal((await replica.infer([x])).status, 200);
  });

  it("that cannot be read is refused, and the server is well", async () => {
    await using replica = await TestReplica.start();
    const garbage = Buffer.from("not JSON at all");
    for (const headers of [{}, { "inference-header-content-length": "15" }]) {
      const { status, error } = await replica.post(garbage, headers);
      assert(status >= 400 && error.code !== undefined);
    }
    assert.equal((await replica.infer([x])).status, 200);
  });

  it("aborts its run when the caller goes away", async () => {
    await using replica = await TestReplica.start();
    const { engine } = replica;
    const running = Promise.withResolvers<never>();
    engine.answer = (_inputs, { signal }) => {
      signal.addEventListener("abort", () => running.reject(signal.reason as ShoalError));
      return running.promise;
    };
    const header = JSON.stringify({ inputs: [] });
    const request = replica.open("/v2/models/net/infer", {
      method: "POST",
      headers: { "content-length": header.length, "inference-header-content-length": header.length },
    });
    request.on("error", () => {});
    request.end(header);
    await until(() => engine.ran.length === 1);
    request.destroy();
    await assert.rejects(running.promise, { code: "CANCELLED" });
    await replica.server.drain();
  });

  it("whose caller goes away while sending is forgotten", async () => {
    await using replica = await TestReplica.start();
    const request = replica.open("/v2/models/net/infer", {
      method: "POST",
      headers: { "content-length": "100", expect: "100-continue" },
    });
    request.on("error", () => {});
    request.flushHeaders();
    await once(request, "continue"); // by now the server counts it
    request.write("half");
    request.destroy();
    assert.equal((await replica.infer([x])).status, 200);
    await replica.server.drain();
    assert.equal(replica.engine.ran.length, 1);
  });
});

describe("draining a replica", { timeout: 60_000 }, () => {
  it("finishes what runs and refuses what arrives (invariant 2)", async () => {
    await using replica = await TestReplica.start();
    const { engine, server } = replica;
    const running = Promise.withResolvers<void>();
    engine.answer = async (inputs) => {
      await running.promise;
      return inputs;
    };
    const answer = replica.infer([x]);
    await until(() => engine.ran.length === 1);
    const drained = server.drain();
    assert.equal(server.drain(), drained);
    const refused = await replica.infer([x]);
    assert.deepEqual([refused.status, refused.error.code], [503, "DRAINING"]);
    running.resolve();
    assert.deepEqual((await answer).outputs.map(valuesOf), [[7, 8]]);
    await drained;
    assert.equal(engine.ran.length, 1);
  });

  it("is done only when a large answer is out, so that closing cuts nothing", async () => {
    await using replica = await TestReplica.start();
    const size = 16 * 2 ** 20;
    replica.engine.answer = () => [
      { name: "y", datatype: "UINT8", shape: [size], bytes: new Uint8Array(size) },
    ];
    const header = JSON.stringify({ inputs: [] });
    const request = replica.open("/v2/models/net/infer", {
      method: "POST",
      headers: { "content-length": header.length, "inference-header-content-length": header.length },
    });
    request.end(header);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const closed = replica.server.drain().then(() => replica.server.close());
    let received = 0;
    for await (const chunk of response) received += (chunk as Buffer).byteLength;
    assert(received > size);
    await closed;
  });

  it("is done at once when nothing runs", async () => {
    await using replica = await TestReplica.start();
    await replica.server.drain();
  });
});

describe("the health check of a replica", { timeout: 60_000 }, () => {
  it("says whether the engine is well, also while draining", async () => {
    await using replica = await TestReplica.start();
    const health = async (): Promise<[number, string | undefined]> => {
      const { status, error } = await answerTo(replica.open("/v2/health/ready").end());
      return [status, error.code];
    };
    assert.deepEqual(await health(), [200, undefined]);
    replica.engine.sick = new Error("out of sorts");
    assert.deepEqual(await health(), [503, "NOT_READY"]);
    replica.engine.sick = undefined;
    await replica.server.drain();
    assert.deepEqual(await health(), [200, undefined]);
  });
});

describe("a web request at a replica", { timeout: 60_000 }, () => {
  const web = (url: string): Record<string, string> => ({ "x-shoal-web-url": url, "x-shoal-secret": "1" });

  it("reaches the module as the client sent it, and its answer comes back", async () => {
    await using replica = await TestReplica.start();
    replica.engine.fetch = async (request) => {
      const headers = new Headers({ "x-seen": request.headers.get("accept") ?? "" });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      const inner = [...request.headers].filter(([name]) => name !== "accept");
      return Response.json({ url: request.url, method: request.method, inner }, { status: 201, headers });
    };
    const request = replica.open("/any", {
      method: "DELETE",
      headers: { ...web("http://host:81/app?q=1"), accept: "text/plain" },
    });
    const answer = await answerTo(request.end());
    assert.equal(answer.status, 201);
    assert.deepEqual(JSON.parse(answer.body.toString()), {
      url: "http://host:81/app?q=1",
      method: "DELETE",
      inner: [["host", "host:81"]],
    });
    assert.deepEqual(
      [answer.headers["x-seen"], answer.headers["set-cookie"]],
      ["text/plain", ["a=1", "b=2"]],
    );
  });

  it("streams both ways: what is sent comes back before all is sent", async () => {
    await using replica = await TestReplica.start();
    replica.engine.fetch = async (request) => new Response(request.body);
    const request = replica.open("/any", { method: "POST", headers: web("http://host/") });
    request.write("one");
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const received: string[] = [];
    for await (const chunk of response) {
      received.push(String(chunk));
      if (received.length === 1) request.end("two");
    }
    assert.deepEqual(received, ["one", "two"]);
  });

  it("aborts its signal and its answer's stream when the caller goes away (invariant 1)", async () => {
    await using replica = await TestReplica.start();
    const aborted = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    replica.engine.fetch = async ({ signal }) => {
      signal.addEventListener("abort", () => aborted.resolve());
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(Buffer.from("first")),
        cancel: () => cancelled.resolve(),
      });
      return new Response(body);
    };
    const request = replica.open("/any", { headers: web("http://host/") }).end();
    request.on("error", () => {});
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.on("error", () => {});
    await once(response, "data");
    request.destroy();
    await Promise.all([aborted.promise, cancelled.promise]);
    await replica.server.drain();
  });

  it("whose stream fails is cut off, never ended as if it were whole", async () => {
    await using replica = await TestReplica.start();
    let pulled = 0;
    replica.engine.fetch = async () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            if (pulled++ === 0) controller.enqueue(Buffer.from("half"));
            else controller.error(new Error("broken"));
          },
        }),
      );
    await assert.rejects(answerTo(replica.open("/any", { headers: web("http://host/") }).end()), {
      code: "ECONNRESET",
    });
    await replica.server.drain();
  });

  it("is refused typed where there is no fetch, and where it answers with something else", async () => {
    await using replica = await TestReplica.start();
    const send = async (): Promise<unknown[]> => {
      const answer = await answerTo(replica.open("/any", { headers: web("http://host/") }).end());
      return [answer.status, answer.error.code];
    };
    assert.deepEqual(await send(), [501, "UNSUPPORTED"]);
    replica.engine.fetch = async () => "no Response" as unknown as Response;
    assert.deepEqual(await send(), [500, "ENGINE_FAILED"]);
    replica.engine.fetch = () => Promise.reject(new ShoalError("ENGINE_FAILED", "it threw"));
    assert.deepEqual(await send(), [500, "ENGINE_FAILED"]);
  });

  it("that fails tells its client no path, and whether to come back", async () => {
    await using replica = await TestReplica.start();
    const send = async (code: ErrorCode): Promise<unknown[]> => {
      replica.engine.fetch = () => Promise.reject(new ShoalError(code, "at /home/me/secret.ts:3"));
      const { error, headers } = await answerTo(replica.open("/any", { headers: web("http://host/") }).end());
      return [error.error, headers["x-should-retry"], headers["retry-after"]];
    };
    assert.deepEqual(await send("ENGINE_FAILED"), ["at <path>", "false", undefined]);
    assert.deepEqual(await send("QUEUE_FULL"), ["at <path>", "true", "1"]);
  });
});
