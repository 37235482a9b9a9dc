// The hop: a client of the dispatcher against a data server on a real socket, and against sockets that misbehave.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Batch } from "../../controller/dispatch/batch.ts";
import { Entry } from "../../controller/dispatch/entry.ts";
import { type InferWork, joinKey, ReplicaClient } from "../../controller/dispatch/index.ts";
import type { BatchOutcome } from "../../controller/dispatch/replica-link.ts";
import { BodyRegion } from "../../replicas/body-region.ts";
import { canMapRegions } from "../../replicas/mapped-region.ts";
import { readRegion } from "../../replicas/shared-region.ts";
import { encodeHeader, freeLarge, ShoalError, type Tensor } from "../../runtime/base/index.ts";
import { tensor, valuesOf } from "../support/tensors.ts";
import { TestFolder, TestReplica, until } from "./support.ts";

const NEVER = Number.POSITIVE_INFINITY;
const NO_MAPPING = canMapRegions() ? false : "memory cannot be mapped here";
const NO_REGIONS = process.platform === "linux" ? false : "shared memory is used on Linux only";

function ints(name: string, ...values: number[]): Tensor {
  return tensor(name, "INT32", { shape: [values.length, 1], values });
}

function work(inputs: readonly Tensor[], outputs: readonly string[] = []): InferWork {
  return {
    kind: "infer",
    inputs,
    outputs,
    rows: inputs[0]?.shape[0] ?? 1,
    joinKey: joinKey(inputs, outputs),
  };
}

/** The same, received into memory to share. */
function bodyInRegion(tensor: Tensor): Tensor {
  const region = BodyRegion.create(0);
  assert(region?.write(tensor.bytes, 0) === true);
  const bytes = region.map(tensor.bytes.byteLength);
  assert(bytes !== undefined);
  return { ...tensor, bytes };
}

/** Files without a name that this process holds; here it is gateway and replica at once. */
function regionsHeld(): number {
  const maps = readFileSync("/proc/self/maps", "utf8").split("\n");
  return maps.filter((line) => line.includes("/dev/shm/shoal-")).length;
}

/** One row that is too much for a socket to take at once. */
function large(fill: number): Tensor {
  return { name: "x", datatype: "UINT8", shape: [1, 300_001], bytes: new Uint8Array(300_001).fill(fill) };
}

function batchOf(works: readonly InferWork[], deadlineMs = NEVER): Batch {
  return new Batch(
    works.map((one) => new Entry(one, 0, deadlineMs)),
    0,
  );
}

class Client implements AsyncDisposable {
  readonly client: ReplicaClient;

  constructor(socketPath: string, { interruptible = false } = {}) {
    this.client = new ReplicaClient({
      id: "r#0",
      deployment: "net",
      socketPath,
      interruptible,
      toEpochMs: (nowMs) => 1_700_000_000_000 + nowMs,
    });
  }

  send(batch: Batch): Promise<BatchOutcome> {
    return this.client.send(batch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

/** A replica's socket behind which `listener` answers. */
async function fakeReplica(
  listener: RequestListener,
): Promise<AsyncDisposable & { readonly socketPath: string }> {
  const folder = await TestFolder.make();
  const socketPath = join(folder.path, "1.sock");
  const server = createServer(listener).listen(socketPath);
  await once(server, "listening");
  return {
    socketPath,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function codeOf(outcome: BatchOutcome): string {
  return outcome.kind === "done" ? "done" : `${outcome.kind} ${outcome.error.code}`;
}

function outputsOf(outcome: BatchOutcome): unknown {
  return outcome.kind === "done" ? outcome.outputs.map(valuesOf) : codeOf(outcome);
}

describe("a batch on its way", { timeout: 60_000 }, () => {
  it("lies along the batch axis, input by input, and asks for the outputs that are wanted", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    const outcome = await client.send(
      batchOf([
        work([ints("a", 1, 2), ints("b", 10, 20)], ["b"]),
        work([ints("a", 3), ints("b", 30)], ["b"]),
      ]),
    );
    assert.deepEqual(outputsOf(outcome), [
      [1, 2, 3],
      [10, 20, 30],
    ]);
    const [ran] = replica.engine.ran;
    assert.deepEqual(
      ran?.inputs.map(({ name, shape }) => [name, shape]),
      [
        ["a", [3, 1]],
        ["b", [3, 1]],
      ],
    );
    assert.deepEqual(ran?.context.outputs, ["b"]);
    assert(outcome.kind === "done" && outcome.computeNs.every((ns) => ns >= 0));
  });

  it("tells its latest start: the last deadline of its members", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    await using replica = await fakeReplica((request, response) => {
      resolve(request.headers["x-shoal-latest-start"]);
      response.writeHead(500).end();
    });
    await using client = new Client(replica.socketPath);
    const entries = [40, 30].map((deadlineMs) => new Entry(work([ints("x", 1)]), 0, deadlineMs));
    await client.send(new Batch(entries, 0));
    assert.equal(await promise, "1700000000040");
  });

  for (const size of [256 * 1024 - 200, 256 * 1024, 3 * 2 ** 20]) {
    it(`carries ${size} bytes each way, each in several pieces`, async () => {
      await using replica = await TestReplica.start();
      await using client = new Client(replica.socketPath);
      const parts = [0, 1, 2].map((fill) => ({
        name: "x",
        datatype: "UINT8" as const,
        shape: [1, size],
        bytes: new Uint8Array(size).fill(fill + 1),
      }));
      const outcome = await client.send(batchOf(parts.map((part) => work([part]))));
      assert(outcome.kind === "done", codeOf(outcome));
      const [output] = outcome.outputs;
      assert.deepEqual(output?.shape, [3, size]);
      assert(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(output?.bytes ?? new Uint8Array()));
    });
  }

  it("is whole, batch after batch, where the replica reads shared memory", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    for (let round = 0; round < 4; round++) {
      const parts = [0, 1, 2].map((row) => large(10 * round + row));
      const outcome = await client.send(batchOf(parts.map((part) => work([part]))));
      assert(outcome.kind === "done", codeOf(outcome));
      const [output] = outcome.outputs;
      assert(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(output?.bytes ?? new Uint8Array()));
    }
  });

  it("goes through shared memory once the replica has said that it reads it", {
    skip: NO_REGIONS,
  }, async () => {
    const bodies: Buffer[] = [];
    const header = encodeHeader({ outputs: [] });
    await using replica = await fakeReplica((request, response) => {
      const { "x-shoal-region": region, "content-length": length } = request.headers;
      bodies.push(typeof region === "string" ? readRegion(region) : Buffer.alloc(0));
      const answered = { "inference-header-content-length": header.length, "x-shoal-region": "read" };
      request.resume().once("end", () => response.writeHead(200, answered).end(header));
      assert.equal(Number(length) < 1_000, typeof region === "string");
    });
    await using client = new Client(replica.socketPath);
    for (const fill of [1, 2, 3])
      assert.equal(codeOf(await client.send(batchOf([work([large(fill)])]))), "done");
    assert.deepEqual(
      bodies.map((body) => [body.byteLength, body[0]]),
      [
        [0, undefined],
        [300_001, 2],
        [300_001, 3],
      ],
    );
  });

  it("of one large body is computed from where it lies, and answered where it is read", {
    skip: NO_MAPPING,
  }, async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    replica.engine.mayHoldTensors = false;
    replica.engine.answer = ([input], { room }) => {
      if (room === undefined || input === undefined) return [];
      const bytes = room(input.bytes.byteLength);
      bytes?.set(input.bytes);
      return bytes === undefined ? [] : [{ ...input, name: "y", bytes }];
    };
    await client.send(batchOf([work([ints("x", 1)])])); // it says that it maps regions
    for (const fill of [1, 2]) {
      const sent = bodyInRegion(large(fill));
      const outcome = await client.send(batchOf([work([sent])]));
      assert(outcome.kind === "done", codeOf(outcome));
      const [output] = outcome.outputs;
      assert.deepEqual([output?.bytes.byteLength, output?.bytes.at(-1)], [300_001, fill]);
      outcome.release?.();
      freeLarge(sent.bytes);
      assert.equal(output?.bytes.byteLength, 0);
    }
    await until(() => regionsHeld() === 0);
  });

  it("of one large body is a copy for an engine that may hold it", { skip: NO_MAPPING }, async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    await client.send(batchOf([work([ints("x", 1)])]));
    const sent = bodyInRegion(large(5));
    const outcome = await client.send(batchOf([work([sent])]));
    freeLarge(sent.bytes);
    assert.equal(outcome.kind === "done" && outcome.outputs[0]?.bytes.at(-1), 5);
    assert.equal(replica.engine.ran[1]?.inputs[0]?.bytes.at(-1), 5);
    assert.equal(replica.engine.ran[1]?.context.room, undefined);
    assert.equal(regionsHeld(), 0);
  });

  it("of one large body that was lost with its replica is there for the next", {
    skip: NO_MAPPING,
  }, async () => {
    const maps = { "x-shoal-body-region": "map", "inference-header-content-length": 14 };
    const places: unknown[] = [];
    await using dying = await fakeReplica((request, response) => {
      const place = request.headers["x-shoal-body-region"];
      if (place !== undefined) places.push(place, request.socket.destroy());
      else request.resume().once("end", () => response.writeHead(200, maps).end('{"outputs":[]}'));
    });
    await using replica = await TestReplica.start();
    replica.engine.mayHoldTensors = false;
    replica.engine.answer = ([input]) =>
      input === undefined ? [] : [{ ...input, bytes: Uint8Array.from(input.bytes) }];
    await using first = new Client(dying.socketPath);
    await using second = new Client(replica.socketPath);
    for (const client of [first, second]) await client.send(batchOf([work([ints("x", 1)])]));
    const sent = bodyInRegion(large(9));
    assert.equal(codeOf(await first.send(batchOf([work([sent])]))), "lost REPLICA_DIED");
    assert.equal(places.length, 2);
    const outcome = await second.send(batchOf([work([sent])]));
    assert(outcome.kind === "done", codeOf(outcome));
    assert.deepEqual([outcome.outputs[0]?.bytes.byteLength, outcome.outputs[0]?.bytes.at(-1)], [300_001, 9]);
    freeLarge(sent.bytes);
    await until(() => regionsHeld() === 0);
  });

  for (const [what, isMapped] of [
    ["a region", false],
    ["a body in a region", true],
  ] as const) {
    it(`in ${what} that its replica cannot read is refused, and takes the socket then (invariant 4)`, {
      skip: isMapped ? NO_MAPPING : NO_REGIONS,
    }, async () => {
      const shares = { "x-shoal-body-region": "map", "x-shoal-region": "read" };
      const sizes: number[] = [];
      await using replica = await fakeReplica((request, response) => {
        const { headers } = request;
        const isShared = "x-shoal-region" in headers || "x-shoal-body-region" in headers;
        sizes.push(isShared ? 0 : Number(headers["content-length"]));
        request.resume().once("end", () => {
          if (isShared) response.writeHead(400, { "x-shoal-unreadable": "true" }).end("{}");
          else
            response
              .writeHead(200, { ...shares, "inference-header-content-length": 14 })
              .end('{"outputs":[]}');
        });
      });
      await using client = new Client(replica.socketPath);
      const sent = isMapped ? bodyInRegion(large(1)) : large(1);
      const send = async (): Promise<string> => codeOf(await client.send(batchOf([work([sent])])));
      await send(); // it says that it shares memory
      const given = batchOf([work([sent])]);
      const outcome = client.send(given);
      const [entry] = given.entries;
      entry?.settle(new ShoalError("CANCELLED", "the client went away"));
      await assert.rejects(async () => entry?.result, { code: "CANCELLED" });
      assert.equal(codeOf(await outcome), "refused NOT_READY");
      // Nobody waited, so it may be gone indeed: the next one tries again.
      assert.deepEqual([await send(), await send(), await send()], ["refused NOT_READY", "done", "done"]);
      assert.deepEqual(
        sizes.map((size) => size > 300_001),
        [true, false, false, true, true],
      );
      freeLarge(sent.bytes);
    });
  }

  it("that the socket takes is whole, though nobody waits for it and its memory was freed (invariant 3)", async () => {
    const received: Buffer[] = [];
    await using replica = await fakeReplica((request, response) => {
      request.on("data", (piece: Buffer) => received.push(piece));
      request.once("end", () => response.writeHead(500).end());
    });
    await using client = new Client(replica.socketPath);
    const inputs = [1, 2].map((fill) => ({ ...large(fill), name: `x${fill}` }));
    const wanted = Buffer.concat(inputs.map(({ bytes }) => bytes));
    const outcome = client.send(batchOf([work(inputs)]));
    for (const { bytes } of inputs) freeLarge(bytes);
    await outcome;
    assert(Buffer.concat(received).subarray(-wanted.byteLength).equals(wanted));
    assert.deepEqual(
      inputs.map(({ bytes }) => bytes.byteLength),
      [0, 0],
    );
  });

  it("reads an answer of unannounced length, in pieces of any size", async () => {
    const answer = ints("y", 1, 2, 3);
    const described = { ...answer, parameters: { binary_data_size: 12 }, bytes: undefined };
    const header = encodeHeader({ outputs: [described] });
    await using replica = await fakeReplica((request, response) => {
      request.resume();
      response.writeHead(200, { "inference-header-content-length": Buffer.byteLength(header) });
      const body = Buffer.concat([Buffer.from(header), answer.bytes]);
      for (let at = 0; at < body.byteLength; at += 7) response.write(body.subarray(at, at + 7));
      response.end();
    });
    await using client = new Client(replica.socketPath);
    assert.deepEqual(outputsOf(await client.send(batchOf([work([ints("x", 1)])]))), [[1, 2, 3]]);
  });

  it("that cannot be encoded fails, and nothing is thrown", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    const scalar = tensor("x", "INT32", { shape: [], values: [1] });
    assert.equal(
      codeOf(await client.send(batchOf([work([scalar]), work([scalar])]))),
      "failed INVALID_ARGUMENT",
    );
  });
});

describe("an answer that is none", { timeout: 60_000 }, () => {
  it("fails the batch when the engine failed", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    replica.engine.answer = () => Promise.reject(new ShoalError("ENGINE_FAILED", "it broke"));
    const outcome = await client.send(batchOf([work([ints("x", 1)])]));
    assert(outcome.kind === "failed");
    assert.deepEqual([outcome.error.code, outcome.error.message], ["ENGINE_FAILED", "it broke"]);
  });

  it("is a refusal when the batch came too late, or the replica is draining", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    const late = batchOf([work([ints("x", 1)])], replica.clock.nowMs() - 1);
    assert.equal(codeOf(await client.send(late)), "refused LATEST_START_PASSED");
    await replica.server.drain();
    assert.equal(codeOf(await client.send(batchOf([work([ints("x", 1)])]))), "refused DRAINING");
    assert.equal(replica.engine.ran.length, 0);
  });

  for (const [what, headers, body] of [
    ["has no header", {}, "outputs"],
    ["lies about its header's length", { "inference-header-content-length": "999" }, "{}"],
    ["is not JSON", { "inference-header-content-length": "2" }, "{{"],
    ["lies about its tensors", { "inference-header-content-length": "14" }, '{"outputs":[]}and more'],
  ] as const) {
    it(`fails typed when it ${what}`, async () => {
      await using replica = await fakeReplica((request, response) => {
        request.resume();
        response.writeHead(200, headers).end(body);
      });
      await using client = new Client(replica.socketPath);
      assert.equal(codeOf(await client.send(batchOf([work([ints("x", 1)])]))), "failed ENGINE_FAILED");
    });
  }

  it("fails typed when an error is not said", async () => {
    await using replica = await fakeReplica((request, response) => {
      request.resume();
      response.writeHead(500).end("<html>");
    });
    await using client = new Client(replica.socketPath);
    assert.equal(codeOf(await client.send(batchOf([work([ints("x", 1)])]))), "failed ENGINE_FAILED");
  });
});

describe("a replica that goes away", { timeout: 60_000 }, () => {
  const lost = (outcome: BatchOutcome): unknown =>
    outcome.kind === "lost" ? [outcome.error.code, outcome.delivered] : outcome.kind;

  it("has surely not seen a batch when it could not be reached", async () => {
    await using folder = await TestFolder.make();
    await using client = new Client(join(folder.path, "none.sock"));
    const outcome = await client.send(batchOf([work([ints("x", 1)])]));
    assert.deepEqual(lost(outcome), ["REPLICA_DIED", false]);
    assert(outcome.kind === "lost" && !outcome.error.message.includes(folder.path));
  });

  it("may have run a batch that it received", async () => {
    await using replica = await fakeReplica((request) => {
      request.resume().once("end", () => request.socket.destroy());
    });
    await using client = new Client(replica.socketPath);
    assert.deepEqual(lost(await client.send(batchOf([work([ints("x", 1)])]))), ["REPLICA_DIED", true]);
  });

  it("may have run a batch whose answer broke off", async () => {
    await using replica = await fakeReplica((request, response) => {
      request.resume();
      response.writeHead(200, { "content-length": 100, "inference-header-content-length": 50 });
      response.write("half", () => request.socket.destroy());
    });
    await using client = new Client(replica.socketPath);
    assert.deepEqual(lost(await client.send(batchOf([work([ints("x", 1)])]))), ["REPLICA_DIED", true]);
  });

  it("may have run what was under way when its client was closed", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    const { engine } = replica;
    engine.answer = () => new Promise<never>(() => {});
    const outcome = client.send(batchOf([work([ints("x", 1)])]));
    await until(() => engine.ran.length === 1);
    await client.client.close();
    assert.deepEqual(lost(await outcome), ["REPLICA_DIED", true]);
  });
});

describe("a batch that nobody waits for", { timeout: 60_000 }, () => {
  it("ends its run where user code runs", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath, { interruptible: true });
    const aborted = Promise.withResolvers<void>();
    replica.engine.answer = (_inputs, { signal }) => {
      signal.addEventListener("abort", () => aborted.resolve());
      return new Promise<never>(() => {});
    };
    const batch = batchOf([work([ints("x", 1)]), work([ints("x", 2)])]);
    const outcome = client.send(batch);
    await until(() => replica.engine.ran.length === 1);
    batch.release();
    batch.release();
    assert.equal(codeOf(await outcome), "refused CANCELLED");
    await aborted.promise;
  });

  it("is not even sent when everyone went before the connection stood", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath, { interruptible: true });
    const batch = batchOf([work([ints("x", 1)])]);
    const outcome = client.send(batch);
    batch.release();
    assert.equal(codeOf(await outcome), "refused CANCELLED");
    assert.equal(codeOf(await client.send(batchOf([work([ints("x", 2)])]))), "done");
    assert.deepEqual(
      replica.engine.ran.flatMap(({ inputs }) => inputs.flatMap(valuesOf)),
      [2],
    );
  });

  it("is answered all the same where a native run cannot be ended", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    const batch = batchOf([work([ints("x", 1)])]);
    const outcome = client.send(batch);
    batch.release();
    assert.deepEqual(outputsOf(await outcome), [[1]]);
  });
});

describe("a health check over the hop", { timeout: 60_000 }, () => {
  it("resolves for a replica that is well, and rejects with what another says", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    await client.client.check(new AbortController().signal);
    replica.engine.sick = new Error("out of sorts");
    await assert.rejects(client.client.check(new AbortController().signal), {
      code: "NOT_READY",
      message: "out of sorts",
    });
  });

  it("gives up with its signal", async () => {
    await using replica = await TestReplica.start();
    await using client = new Client(replica.socketPath);
    replica.engine.mute = true;
    const patience = new AbortController();
    const checked = client.client.check(patience.signal);
    patience.abort(new ShoalError("DEADLINE_EXCEEDED", "no patience left"));
    await assert.rejects(checked, { code: "DEADLINE_EXCEEDED" });
  });
});
