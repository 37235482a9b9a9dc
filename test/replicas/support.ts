// What the tests of replicas share: a data server on a socket in a folder of its own, and plain requests to it.

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import {
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
} from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as immediate } from "node:timers/promises";
import {
  binaryDescription,
  decodeTensors,
  encodeHeader,
  HEADER_LENGTH,
  type Tensor,
} from "../../runtime/base/index.ts";
import { silentLog } from "../../runtime/base/log/index.ts";
import { DataServer } from "../../replicas/data-server.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeEngine } from "../support/fake-engine.ts";

export class TestFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TestFolder> {
    return new TestFolder(await mkdtemp(join(tmpdir(), "shoal-test-")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

export class TestReplica implements AsyncDisposable {
  readonly engine = new FakeEngine();
  readonly clock = new FakeClock();
  readonly server: DataServer;
  readonly socketPath: string;
  readonly #folder: TestFolder;

  private constructor(folder: TestFolder) {
    this.#folder = folder;
    this.socketPath = join(folder.path, "1.sock");
    const { engine, clock } = this;
    this.server = new DataServer({ deployment: "net", engine, clock, log: silentLog });
  }

  static async start(): Promise<TestReplica> {
    const replica = new TestReplica(await TestFolder.make());
    await replica.server.listen(replica.socketPath);
    return replica;
  }

  /** Sends a request and gives it back before it is ended. */
  open(path: string, options: RequestOptions = {}): ClientRequest {
    return httpRequest({ socketPath: this.socketPath, path, agent: false, ...options });
  }

  /** One batch in the binary layout. */
  async infer(inputs: readonly Tensor[], headers: Record<string, string> = {}): Promise<Answer> {
    const header = encodeHeader({ inputs: inputs.map(binaryDescription) });
    const body = Buffer.concat([Buffer.from(header), ...inputs.map(({ bytes }) => bytes)]);
    return await this.post(body, { [HEADER_LENGTH]: String(Buffer.byteLength(header)), ...headers });
  }

  async post(body: Uint8Array, headers: Record<string, string>): Promise<Answer> {
    const request = this.open("/v2/models/net/infer", {
      method: "POST",
      headers: { "content-length": String(body.byteLength), ...headers },
    });
    request.end(body);
    return await answerTo(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    await this.#folder[Symbol.asyncDispose]();
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** Of a batch that was run. */
  readonly outputs: readonly Tensor[];
  /** Of one that was not. */
  readonly error: { readonly error?: string; readonly code?: string };
}

export async function answerTo(request: ClientRequest): Promise<Answer> {
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const status = response.statusCode ?? 0;
  const length = Number(response.headers[HEADER_LENGTH]);
  if (Number.isNaN(length)) {
    const isJson = response.headers["content-type"] === "application/json";
    const error = isJson ? (JSON.parse(body.toString()) as Answer["error"]) : {};
    return { status, headers: response.headers, body, outputs: [], error };
  }
  const header = JSON.parse(body.toString("utf8", 0, length)) as { outputs: unknown };
  const outputs = decodeTensors(header.outputs, body.subarray(length));
  return { status, headers: response.headers, body, outputs, error: {} };
}

/** Resolves when `settled` says so; everything it looks at comes by events of this process. */
export async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await immediate();
}
