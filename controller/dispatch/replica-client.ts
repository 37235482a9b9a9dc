// The hop to one replica: a batch becomes one HTTP request over a Unix socket, its tensors laid behind each
// other along the batch axis in the binary layout of V2; the answer comes back the same way.
//
// 1. Bytes are gathered once: a small batch into one buffer, a larger one into memory shared with the replica, a very
//    large one as a list of views. Shared memory is used once the replica has said that it reads it.
// 2. Whether the replica can have seen the batch is known: a refused connection means it has not.
// 3. What is written to the socket piece by piece is pinned until the hop is over: the system would read what was freed, and
//    whoever waited may have gone.
// 4. A batch that it could not read from shared memory that is still there runs again, and the socket takes it then.

import { Readable } from "node:stream";
import { type Dispatcher, Pool } from "undici";
import {
  asShoalError,
  concatShape,
  decodeTensors,
  encodeHeader,
  freeLarge,
  HEADER_LENGTH,
  LARGE_BYTES,
  messageOf,
  pin,
  ShoalError,
  type Tensor,
  type WireError,
} from "../../runtime/base/index.ts";
import {
  ANSWER_REGION,
  AnswerRegion,
  AT_ONCE,
  type AtOnce,
  BODY_REGION,
  placeOf,
  REGION,
  RegionPool,
  UNREADABLE,
} from "../../replicas/index.ts";
import type { Batch } from "./batch.ts";
import type { BatchOutcome, ReplicaLink } from "./replica-link.ts";
import type { InferWork } from "./request.ts";
import { RegionTrust } from "./region-trust.ts";
import { type CollectedAnswer, ResponseCollector } from "./response-collector.ts";

export interface ReplicaClientOptions {
  readonly id: string;
  readonly deployment: string;
  readonly socketPath: string;
  /** Whether the replica's engine stops a run when its caller goes away: user code can, a native run cannot. */
  readonly interruptible: boolean;
  /** With several gateways, what the replica may run at a time of all they send. Default: this one sees to it. */
  readonly atOnce?: () => AtOnce;
  /** Milliseconds since the epoch for a moment of the dispatcher's clock, for the replica to compare with. */
  readonly toEpochMs: (nowMs: number) => number;
}

/** Below this many bytes one copy is cheaper than several writes. */
const GATHER_BYTES = 256 * 1024;

export class ReplicaClient implements ReplicaLink {
  readonly id: string;
  readonly connections: Dispatcher;
  readonly #options: ReplicaClientOptions;
  readonly #path: string;
  readonly #regions = new RegionPool();
  readonly #trust = new RegionTrust();

  constructor(options: ReplicaClientOptions) {
    this.id = options.id;
    this.#options = options;
    this.#path = `/v2/models/${encodeURIComponent(options.deployment)}/infer`;
    this.connections = new Pool("http://replica", {
      socketPath: options.socketPath,
      connections: null,
      pipelining: 1,
      allowH2: false,
      // How long an answer may take is the dispatcher's and the health check's to judge.
      headersTimeout: 0,
      bodyTimeout: 0,
      connectTimeout: 5_000,
      // Below the server's, so that it is always this side that lets an idle connection go.
      keepAliveTimeout: 60_000,
      keepAliveMaxTimeout: 60_000,
    });
  }

  get headers(): readonly string[] {
    return this.#turnOf(1);
  }

  send(batch: Batch): Promise<BatchOutcome> {
    const { promise, resolve } = Promise.withResolvers<BatchOutcome>();
    try {
      this.#dispatch(batch, resolve);
    } catch (thrown) {
      resolve({ kind: "failed", error: asShoalError(thrown) });
    }
    return promise;
  }

  #dispatch(batch: Batch, settle: (outcome: BatchOutcome) => void): void {
    const encoded = encodeBatch(batch);
    const body = this.#trust.maps ? placeOf(encoded.parts) : undefined;
    const room = body === undefined ? undefined : AnswerRegion.create();
    const isPlaceable = this.#trust.reads && body === undefined;
    const placed = isPlaceable ? this.#regions.place(encoded.parts, encoded.partBytes) : undefined;
    const isShared = placed !== undefined || body !== undefined;
    const headerLength = Buffer.byteLength(encoded.header);
    const sent = isShared ? encoded.header : bodyOf(encoded, headerLength);
    const writing = sent instanceof Readable ? pin(encoded.parts) : undefined; // invariant 3
    const collector = new ResponseCollector((answer) => {
      writing?.[Symbol.dispose]();
      if (answer.kind === "answered") placed?.done();
      else placed?.lost();
      if (answer.kind === "answered" && answer.status === 200) this.#trust.answered(answer.headers, isShared);
      settle(this.#outcomeOf(answer, room, batch));
    });
    if (this.#options.interruptible) batch.abandon = () => collector.abort();
    const headers = [
      "content-type",
      "application/octet-stream",
      "content-length",
      String(isShared ? headerLength : headerLength + encoded.partBytes),
      HEADER_LENGTH,
      String(headerLength),
      "x-shoal-latest-start",
      String(this.#options.toEpochMs(batch.latestStartMs)),
    ];
    if (this.#options.atOnce !== undefined) headers.push(...this.#turnOf(batch.entries.length));
    if (placed !== undefined) headers.push(REGION, placed.header);
    if (body !== undefined) headers.push(BODY_REGION, body);
    if (room !== undefined) headers.push(ANSWER_REGION, room.name);
    this.connections.dispatch({ path: this.#path, method: "POST", headers, body: sent }, collector);
  }

  #turnOf(requests: number): readonly string[] {
    const { atOnce } = this.#options;
    if (atOnce === undefined) return [];
    const most = atOnce();
    return [AT_ONCE, `${most.batches} ${most.requests} ${requests}`];
  }

  /** Whether the replica answers that it is well; rejects when it does not within the signal's patience. */
  async check(signal: AbortSignal): Promise<void> {
    const { statusCode, body } = await this.connections.request({
      path: "/v2/health/ready",
      method: "GET",
      signal,
    });
    const text = await body.text();
    if (statusCode !== 200) throw ShoalError.fromWire(readError(Buffer.from(text), statusCode));
  }

  async close(): Promise<void> {
    this.#regions.close();
    await this.connections.destroy();
  }

  /** Of an answer with its elements in `room`, or of one without; then the room is ended. */
  #outcomeOf(answer: CollectedAnswer, room: AnswerRegion | undefined, batch: Batch): BatchOutcome {
    const isApart = answer.kind === "answered" && answer.headers[ANSWER_REGION] !== undefined;
    if (!isApart) room?.[Symbol.dispose]();
    if (answer.kind === "aborted") {
      return { kind: "refused", error: new ShoalError("CANCELLED", "Cannot answer: every caller went away") };
    }
    if (answer.kind === "lost") {
      const { error, delivered } = answer; // invariant 2
      const what = `The replica of "${this.#options.deployment}" that ran the request ended before it answered`;
      return { kind: "lost", delivered, error: new ShoalError("REPLICA_DIED", what, { cause: error }) };
    }
    if (answer.status === 200) {
      try {
        return decodeAnswer(answer, isApart ? room : undefined);
      } catch (thrown) {
        room?.[Symbol.dispose]();
        const error = new ShoalError(
          "ENGINE_FAILED",
          `The replica of "${this.#options.deployment}" gave an answer that cannot be read: ${messageOf(thrown)}`,
          { cause: thrown },
        );
        return { kind: "failed", error };
      }
    }
    if (answer.headers[UNREADABLE] !== undefined) return this.#unreadable(batch);
    const error = ShoalError.fromWire(readError(answer.body, answer.status));
    const notRun = error.code === "LATEST_START_PASSED" || error.code === "DRAINING";
    return { kind: notRun ? "refused" : "failed", error };
  }

  /** Invariant 4. What nobody waits for may be gone by now, and that says nothing of the replica. */
  #unreadable(batch: Batch): BatchOutcome {
    if (batch.entries.some(({ state }) => state.kind === "sent")) this.#trust.failed();
    const what = `Cannot run a request on "${this.#options.deployment}": its replica cannot read shared memory`;
    return { kind: "refused", error: new ShoalError("NOT_READY", what) };
  }
}

interface EncodedBatch {
  readonly header: string;
  /** The elements, in order. */
  readonly parts: readonly Uint8Array[];
  readonly partBytes: number;
}

function encodeBatch(batch: Batch): EncodedBatch {
  const works: InferWork[] = [];
  for (const { work } of batch.entries) if (work.kind === "infer") works.push(work);
  const [first] = works;
  if (first === undefined) throw new Error("a batch has at least one request");
  const parts: Uint8Array[] = [];
  let partBytes = 0;
  const inputs = first.inputs.map((model, index) => {
    const own: Tensor[] = [];
    let size = 0;
    for (const work of works) {
      const tensor = work.inputs[index];
      if (tensor === undefined) throw new Error("requests with one join key have the same inputs");
      own.push(tensor);
      parts.push(tensor.bytes);
      size += tensor.bytes.byteLength;
    }
    partBytes += size;
    const shape = own.length === 1 ? model.shape : concatShape(own);
    return { name: model.name, datatype: model.datatype, shape, parameters: { binary_data_size: size } };
  });
  const outputs = first.outputs.map((name) => ({ name, parameters: { binary_data: true } }));
  const header = encodeHeader(
    outputs.length === 0
      ? { inputs, parameters: { binary_data_output: true } }
      : { inputs, outputs, parameters: { binary_data_output: true } },
  );
  return { header, parts, partBytes };
}

/** Header and elements as one body for the socket (invariant 1). */
function bodyOf({ header, parts, partBytes }: EncodedBatch, headerLength: number): Uint8Array | Readable {
  const byteLength = headerLength + partBytes;
  if (byteLength > GATHER_BYTES) return Readable.from([Buffer.from(header), ...parts]);
  const body = Buffer.allocUnsafe(byteLength);
  let offset = body.write(header);
  for (const part of parts) {
    body.set(part, offset);
    offset += part.byteLength;
  }
  return body;
}

type Answered = Extract<CollectedAnswer, { kind: "answered" }>;

function decodeAnswer({ headers, body, elapsedMs }: Answered, room: AnswerRegion | undefined): BatchOutcome {
  const length = Number(headers[HEADER_LENGTH]);
  if (!Number.isSafeInteger(length) || length <= 0 || length > body.byteLength) {
    throw new ShoalError("ENGINE_FAILED", `found header length ${length}, wanted 1 to ${body.byteLength}`);
  }
  const header = JSON.parse(body.toString("utf8", 0, length)) as { outputs?: unknown };
  const apart = room?.take(Number(headers[ANSWER_REGION]));
  const outputs = decodeTensors(header.outputs, apart ?? body.subarray(length));
  const [input = 0, infer = elapsedMs * 1e6, output = 0] = String(headers["x-shoal-compute-ns"] ?? "")
    .split(",")
    .filter((part) => part !== "")
    .map(Number);
  const done = { kind: "done", outputs, computeNs: [input, infer, output] } as const;
  const freed = apart ?? body;
  return freed.byteLength < LARGE_BYTES ? done : { ...done, release: () => freeLarge(freed) };
}

function readError(body: Buffer, status: number): WireError {
  try {
    const parsed = JSON.parse(body.toString()) as { error?: unknown; code?: unknown };
    const code = (typeof parsed.code === "string" ? parsed.code : "ENGINE_FAILED") as WireError["code"];
    return { code, message: String(parsed.error) };
  } catch {
    return { code: "ENGINE_FAILED", message: `the replica answered ${status} without saying why` };
  }
}
