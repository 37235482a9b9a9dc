// The data socket of a replica: V2 infer in the binary layout, one request a batch, and web requests for
// engines that take them. Only the gateway of this server speaks to it.
//
// 1. A batch that arrives after its latest start is refused, not run.
// 2. While draining, what is running finishes and what arrives is refused.
// 3. What comes from one of several gateways waits for its turn, so that no more runs at a time than may.
// 4. A failure of the engine answers its own request and leaves the server well.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  asShoalError,
  binaryDescription,
  type Clock,
  decodeTensors,
  encodeHeader,
  freeLarge,
  HEADER_LENGTH,
  LARGE_BYTES,
  ShoalError,
  type Tensor,
} from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import type { Engine } from "../runtime/engines/index.ts";
import { ANSWER_REGION, AnswerRoom } from "./answer-region.ts";
import { type BatchElements, elementsOf, UNREADABLE } from "./batch-elements.ts";
import { BODY_REGION, MAPS_REGIONS } from "./body-region.ts";
import { readBody } from "./read-body.ts";
import { REGION } from "./shared-region.ts";
import { Turns } from "./turns.ts";
import { answerWeb } from "./web-handler.ts";

export interface DataServerOptions {
  readonly deployment: string;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Marks a request to be given to the engine's `fetch`; its value is the URL the client asked for. */
export const WEB_URL = "x-shoal-web-url";

/** By it a gateway that is not alone says how much may run at a time: batches, requests, and how many requests this is. */
export const AT_ONCE = "x-shoal-at-once";

interface ReceivedBatch {
  readonly header: { inputs?: unknown; outputs?: readonly { readonly name: string }[] };
  readonly elements: Uint8Array;
  readonly room: AnswerRoom | undefined;
  readonly startedNs: bigint;
}

export class DataServer {
  readonly #options: DataServerOptions;
  readonly #server: Server;
  readonly #turns = new Turns();
  #ongoing = 0;
  #draining: PromiseWithResolvers<void> | undefined;

  constructor(options: DataServerOptions) {
    this.#options = options;
    this.#server = createServer(
      { noDelay: true, requestTimeout: 0, headersTimeout: 0 },
      (request, response) => {
        void this.#serve(request, response);
      },
    );
    // Longer than the gateway's client keeps a connection, so that it is never us who cut one just taken.
    this.#server.keepAliveTimeout = 120_000;
  }

  listen(socketPath: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(socketPath, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  /** Invariant 2; resolves when nothing runs. The same promise every time. */
  drain(): Promise<void> {
    this.#draining ??= Promise.withResolvers<void>();
    if (this.#ongoing === 0) this.#draining.resolve();
    return this.#draining.promise;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/v2/health/ready") {
      await this.#health(response);
      return;
    }
    if (this.#draining !== undefined) {
      request.resume();
      sendError(response, new ShoalError("DRAINING", "Cannot run: the replica is shutting down"));
      return;
    }
    this.#ongoing++;
    // Over once the work is done and the answer is out: closing earlier would cut a large one.
    let open = 2;
    const over = (): void => {
      if (--open === 0) this.#finished();
    };
    response.once("close", over);
    try {
      const webUrl = request.headers[WEB_URL];
      if (typeof webUrl === "string") await this.#web(webUrl, request, response);
      else await this.#infer(request, response);
    } catch (thrown) {
      const error = asShoalError(thrown);
      const { httpStatus, retry } = error.kind;
      if (httpStatus >= 500 && retry === "never") {
        this.#options.log.warn({ err: error, stack: error.remoteStack }, "request failed");
      }
      if (response.headersSent) response.destroy();
      else if (request.headers[WEB_URL] !== undefined) sendWebError(response, error);
      else sendError(response, error);
    } finally {
      over();
    }
  }

  #finished(): void {
    this.#ongoing--;
    if (this.#ongoing === 0) this.#draining?.resolve();
  }

  async #infer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const startedNs = process.hrtime.bigint();
    const headerLength = Number(request.headers[HEADER_LENGTH]);
    const header = JSON.parse(body.toString("utf8", 0, headerLength)) as ReceivedBatch["header"];
    const { mayHoldTensors } = this.#options.engine;
    let elements: BatchElements;
    try {
      elements = elementsOf(request.headers, { body, headerLength }, mayHoldTensors);
    } catch (thrown) {
      response.setHeader(UNREADABLE, "true"); // no descriptors left, for example: not the request's fault
      throw thrown;
    }
    const answerRegion = request.headers[ANSWER_REGION];
    const room =
      mayHoldTensors || typeof answerRegion !== "string" ? undefined : new AnswerRoom(answerRegion);
    try {
      await this.#run(request, response, { header, elements: elements.bytes, room, startedNs });
    } finally {
      if (!mayHoldTensors) freeLarge(elements.whole);
      if (room?.bytes !== undefined) freeLarge(room.bytes);
    }
  }

  async #run(
    request: IncomingMessage,
    response: ServerResponse,
    { header, elements, room, startedNs }: ReceivedBatch,
  ): Promise<void> {
    const { engine } = this.#options;
    const inputs = decodeTensors(header.inputs, elements);
    using _turn = await this.#turn(request);
    if (response.closed) return; // while it waited
    const latestStartMs = Number(request.headers["x-shoal-latest-start"] ?? Number.POSITIVE_INFINITY);
    const lateMs = this.#options.clock.epochMs() - latestStartMs;
    if (lateMs > 0) {
      throw new ShoalError(
        "LATEST_START_PASSED",
        `Cannot run: the batch arrived ${Math.round(lateMs)} ms after its latest start`,
      );
    }
    const aborted = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished) aborted.abort(new ShoalError("CANCELLED", "the caller went away"));
    });
    const outputs = header.outputs === undefined ? [] : header.outputs.map(({ name }) => name);
    const inferStartNs = process.hrtime.bigint();
    const results = await engine.run(inputs, {
      signal: aborted.signal,
      outputs,
      ...(room === undefined ? {} : { room: room.take }),
    });
    const times = { inputNs: inferStartNs - startedNs, inferNs: process.hrtime.bigint() - inferStartNs };
    if (room?.holds(results) === true) {
      sendTensors(response, results, { ...times, apart: true });
      return;
    }
    if (!engine.mayHoldTensors && results.some(({ bytes }) => bytes.byteLength >= LARGE_BYTES)) {
      response.once("finish", () => results.forEach(({ bytes }) => freeLarge(bytes)));
    }
    sendTensors(response, results, { ...times, apart: false });
  }

  async #web(url: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { engine, deployment } = this.#options;
    if (engine.fetch === undefined) {
      throw new ShoalError(
        "UNSUPPORTED",
        `Cannot pass a web request to "${deployment}": its module has no fetch`,
      );
    }
    using _turn = await this.#turn(request);
    if (response.closed) return;
    await answerWeb({ url, request, response }, (webRequest) => engine.fetch?.(webRequest));
  }

  /** Invariant 3. */
  async #turn(request: IncomingMessage): Promise<Disposable | undefined> {
    const atOnce = request.headers[AT_ONCE];
    if (typeof atOnce !== "string") return undefined;
    const [batches = 1, most = 1, requests = 1] = atOnce.split(" ").map(Number);
    return await this.#turns.take({ batches, requests: most }, requests);
  }

  async #health(response: ServerResponse): Promise<void> {
    try {
      await this.#options.engine.check?.();
      response.writeHead(200).end();
    } catch (thrown) {
      sendError(response, asShoalError(thrown, "NOT_READY"));
    }
  }
}

/** Answers up to this size leave as one string with their headers, in one plain write. */
const STRING_BYTES = 8 * 1024;

interface Sending {
  readonly inputNs: bigint;
  readonly inferNs: bigint;
  /** Whether the elements lie in the room for the answer, and only the header is sent. */
  readonly apart: boolean;
}

function sendTensors(
  response: ServerResponse,
  outputs: readonly Tensor[],
  { inputNs, inferNs, apart }: Sending,
): void {
  const startedNs = process.hrtime.bigint();
  const header = Buffer.from(encodeHeader({ outputs: outputs.map(binaryDescription) }));
  const elementBytes = outputs.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const byteLength = header.byteLength + (apart ? 0 : elementBytes);
  const outputNs = process.hrtime.bigint() - startedNs;
  response.writeHead(200, {
    "content-type": "application/octet-stream",
    "content-length": byteLength,
    [HEADER_LENGTH]: header.byteLength,
    "x-shoal-compute-ns": `${inputNs},${inferNs},${outputNs}`,
    [REGION]: "read",
    [BODY_REGION]: MAPS_REGIONS,
    ...(apart ? { [ANSWER_REGION]: elementBytes } : {}),
  });
  if (apart) {
    response.end(header);
    return;
  }
  if (byteLength <= STRING_BYTES) {
    response.end(Buffer.concat([header, ...outputs.map(({ bytes }) => bytes)]).toString("latin1"), "latin1");
    return;
  }
  response.cork();
  response.write(header);
  for (const { bytes } of outputs) response.write(bytes);
  response.end();
  response.uncork();
}

function sendError(response: ServerResponse, error: ShoalError): void {
  const body = JSON.stringify({ error: error.message, code: error.code });
  response.writeHead(error.kind.httpStatus, { "content-type": "application/json" }).end(body);
}

/** What the client of a web request is told: the gateway passes it on as any answer of the module. */
function sendWebError(response: ServerResponse, error: ShoalError): void {
  const { httpStatus, retry } = error.kind;
  const body = JSON.stringify({ error: error.publicMessage, code: error.code });
  const headers = { "content-type": "application/json", "x-should-retry": String(retry !== "never") };
  response.writeHead(httpStatus, retry === "later" ? { ...headers, "retry-after": "1" } : headers).end(body);
}
