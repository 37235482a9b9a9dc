// The examples, served by the real command and asked over HTTP.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ServeStatusView } from "../../gateway/index.ts";
import { isGone } from "../runtime/core/support.ts";
import { RawConnection } from "../support/raw-http.ts";
import { type Served, start } from "../support/serve.ts";

const CONFIG = fileURLToPath(new URL("../../examples/shoal.yaml", import.meta.url));
const sample = (path: string): Promise<string> =>
  readFile(new URL(`../../examples/${path}`, import.meta.url), "utf8");

interface Infer {
  readonly id?: string;
  readonly outputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: readonly unknown[];
  }[];
}

async function replicaPids({ adminUrl, adminToken }: Served): Promise<number[]> {
  const headers = { authorization: `Bearer ${adminToken}` };
  const response = await fetch(`${adminUrl}/api/serve/applications/`, { headers });
  const { applications } = (await response.json()) as ServeStatusView;
  return Object.values(applications).flatMap(({ deployments }) =>
    Object.values(deployments).flatMap(({ replicas }) =>
      replicas.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    ),
  );
}

describe("the examples", () => {
  let server: Served;
  before(async () => {
    server = await start(CONFIG);
  });
  after(() => server[Symbol.asyncDispose]());

  const post = async (
    path: string,
    body: string | Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<Response> => {
    const response = await fetch(server.url + path, { method: "POST", body, headers });
    assert.equal(response.status, 200, response.ok ? "" : await response.text());
    return response;
  };

  test("are ready", async () => {
    assert.deepEqual(await (await fetch(`${server.url}/v2/health/ready`)).json(), { ready: true });
    const index = (await (await post("/v2/repository/index", "")).json()) as {
      name: string;
      state: string;
    }[];
    assert.deepEqual(
      index.map(({ name, state }) => `${name} ${state}`),
      ["digits READY", "simple READY", "text READY"],
    );
  });

  for (let digit = 0; digit <= 9; digit++) {
    test(`digits reads the sample of a ${digit}`, async () => {
      const response = await post("/digits", await sample(`digits/samples/${digit}.json`));
      const { outputs } = (await response.json()) as {
        outputs: { label: number[]; probabilities: number[][] };
      };
      assert.deepEqual(outputs.label, [digit]);
      assert.equal(outputs.probabilities[0]?.indexOf(Math.max(...outputs.probabilities[0])), digit);
    });
  }

  test("digits reads three in one V2 request", async () => {
    const answer = (await (
      await post("/v2/models/digits/infer", await sample("digits/samples/v2-request.json"))
    ).json()) as Infer;
    assert.equal(answer.id, "three-one-four");
    assert.deepEqual(answer.outputs.find(({ name }) => name === "label")?.data, [3, 1, 4]);
  });

  test("digits answers many at once, each with its own", async () => {
    const bodies = await Promise.all(
      Array.from({ length: 10 }, (_, digit) => sample(`digits/samples/${digit}.json`)),
    );
    const labels = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const response = await post("/digits", bodies[index % 10] ?? "");
        return ((await response.json()) as { outputs: { label: number[] } }).outputs.label[0];
      }),
    );
    assert.deepEqual(
      labels,
      Array.from({ length: 100 }, (_, index) => index % 10),
    );
  });

  test("simple adds and subtracts, by JSON", async () => {
    const answer = (await (
      await post("/v2/models/simple/infer", await sample("simple/samples/request.json"))
    ).json()) as Infer;
    const upTo = Array.from({ length: 16 }, (_, index) => index);
    assert.deepEqual(
      answer.outputs.map(({ name, data }) => [name, data]),
      [
        ["OUTPUT0", upTo.map((value) => value + 1)],
        ["OUTPUT1", upTo.map((value) => value - 1)],
      ],
    );
  });

  test("simple adds and subtracts, by the binary extension", async () => {
    const describe = (name: string): object => ({
      name,
      datatype: "INT32",
      shape: [1, 16],
      parameters: { binary_data_size: 64 },
    });
    const header = JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [describe("INPUT0"), describe("INPUT1")],
    });
    const values = Int32Array.from({ length: 16 }, (_, index) => index * 1_000);
    const ones = new Int32Array(16).fill(1);
    const body = Buffer.concat([Buffer.from(header), Buffer.from(values.buffer), Buffer.from(ones.buffer)]);
    const response = await post("/v2/models/simple/infer", body, {
      "inference-header-content-length": `${header.length}`,
    });
    const bytes = await response.arrayBuffer();
    const tail = bytes.slice(Number(response.headers.get("inference-header-content-length")));
    assert.deepEqual(
      new Int32Array(tail, 0, 16),
      values.map((value) => value + 1),
    );
    assert.deepEqual(
      new Int32Array(tail, 64, 16),
      values.map((value) => value - 1),
    );
  });

  test("text streams: words arrive before the last one is made", async () => {
    const response = await fetch(`${server.url}/text?prompt=Alice%20was&max_words=12`);
    assert.equal(response.status, 200);
    const chunks: string[] = [];
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) chunks.push(chunk);
    assert(chunks.length > 1, `all came at once: ${chunks.join("|")}`);
    assert.equal(chunks.join("").trim().split(" ").length, 12);
  });

  test("text streams events to who accepts them, of a prompt that is streamed in", async () => {
    const prompt = ReadableStream.from(["The ", "Rabbit ", "Hole"]).pipeThrough(new TextEncoderStream());
    const response = await fetch(`${server.url}/text?max_words=3&seed=7`, {
      method: "POST",
      body: prompt,
      duplex: "half",
      headers: { "content-type": "text/plain", accept: "text/event-stream" },
    });
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
    const events = (await response.text()).split("\n\n").filter((event) => event !== "");
    assert.equal(events.length, 4);
    assert.equal(events.at(-1), 'data: {"done":true,"words":3}');
  });

  test("text answers V2 as well", async () => {
    const inputs = [{ name: "prompt", shape: [1], datatype: "BYTES", data: ["Down, down,"] }];
    const answer = (await (await post("/v2/models/text/infer", JSON.stringify({ inputs }))).json()) as Infer;
    assert.match(String(answer.outputs[0]?.data[0]), /^\S+( \S+){39}$/);
  });

  test("text stays well when clients leave in the middle", async () => {
    for (let time = 0; time < 5; time++) {
      const abort = new AbortController();
      const response = await fetch(`${server.url}/text?max_words=2000`, { signal: abort.signal });
      await response.body?.getReader().read();
      abort.abort();
    }
    const response = await fetch(`${server.url}/text?max_words=1`);
    assert.equal((await response.text()).trim().split(" ").length, 1);
  });

  test("a bad request is told what is wrong, and the next on its connection is answered", async () => {
    using connection = await RawConnection.open(server.url);
    await connection.request(
      "POST /v2/models/simple/infer",
      {},
      '{"inputs":[{"name":"INPUT0","shape":[1,15],"datatype":"INT32","data":[]}]}',
    );
    const refused = await connection.response();
    assert.equal(refused.status, 400);
    assert.match(refused.body.toString(), /found shape \[1,15\] for input \\"INPUT0\\", wanted \[-1,16\]/);
    await connection.request("POST /v2/models/simple/infer", {}, await sample("simple/samples/request.json"));
    assert.equal((await connection.response()).status, 200);
  });

  test("the OpenAPI document has a path for each", async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    for (const path of ["/digits", "/simple", "/text", "/v2/models/{model}/infer"])
      assert(path in paths, path);
  });

  test("statistics have counted them", async () => {
    const response = await fetch(`${server.url}/v2/models/simple/stats`);
    const {
      model_stats: [stats],
    } = (await response.json()) as { model_stats: { inference_count: number }[] };
    assert((stats?.inference_count ?? 0) >= 2);
  });
});

test("SIGINT lets an answer that streams end, refuses what is new, and leaves no process", async () => {
  await using server = await start(CONFIG);
  const pids = await replicaPids(server);
  assert.equal(pids.length, 3);
  using streaming = await RawConnection.open(server.url);
  using idle = await RawConnection.open(server.url);
  await streaming.request("GET /text?max_words=100&prompt=Alice");
  let got = (await streaming.chunk()).toString();

  const exited = server.stop("SIGINT");
  await server.printed(/^Draining/m);
  await idle.request("POST /v2/models/simple/infer", {}, await sample("simple/samples/request.json"));
  const refused = await idle.response();
  assert.equal(refused.status, 503);
  assert.match(refused.body.toString(), /shutting down/);

  while (!got.endsWith("0\r\n\r\n")) {
    const part = await streaming.chunk();
    assert(part.byteLength > 0, `the answer was cut off: ${got}`);
    got += part.toString();
  }
  assert.deepEqual(await exited, { code: 0, signal: null });
  assert.match(server.output, /^Done\.$/m);
  for (const pid of pids) assert(isGone(pid), `replica ${pid} still runs`);
});
