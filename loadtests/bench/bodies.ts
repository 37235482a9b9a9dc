// The bytes that a benchmark sends and that the door answers: V2 inference requests and answers, JSON and with
// the binary tensor extension. The door and Shoal get the same request.

import type { RequestParts } from "../http/message.ts";
import type { BenchModel } from "../models/bench-models.ts";
import { seededRandom } from "../models/random.ts";

export const ENCODINGS = ["binary", "json"] as const;
export type Encoding = (typeof ENCODINGS)[number];

const HEADER_LENGTH = "inference-header-content-length";
const SEED = 7;

/** Body and headers of one message. */
export interface Message {
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
}

/** A V2 inference request of one row for `model`, wherever that is served. */
export function inferRequest(model: BenchModel, encoding: Encoding): RequestParts {
  const random = seededRandom(SEED);
  const count = model.rowShape.reduce((product, size) => product * size, 1);
  // Six digits: what a client sends that has measured or scaled its inputs.
  const row = Float32Array.from({ length: count }, () => Number(random.uniform().toPrecision(6)));
  const shape = [1, ...model.rowShape];
  return { method: "POST", path: `/v2/models/${model.name}/infer`, ...requestMessage(row, shape, encoding) };
}

/** A V2 inference request with the one input `input`. */
export function requestMessage(data: Float32Array, shape: readonly number[], encoding: Encoding): Message {
  const input = { name: "input", shape, datatype: "FP32" };
  if (encoding === "json") {
    const numbers = Array.from(data, (element) => Number(element.toPrecision(6)));
    return jsonMessage({ inputs: [{ ...input, data: numbers }] });
  }
  const parameters = { binary_data_size: data.byteLength };
  return binaryMessage(
    { inputs: [{ ...input, parameters }], parameters: { binary_data_output: true } },
    data,
  );
}

/** A V2 answer of the size of the real one: one row of the output, in the encoding that was asked for. */
export function inferAnswer(model: BenchModel, encoding: Encoding): Message {
  const data = Float32Array.from({ length: model.outputElements }, (_, index) => Math.sin(index + 1));
  const named = { model_name: model.name, model_version: "1" };
  const output = { name: "output", datatype: "FP32", shape: [1, model.outputElements] };
  if (encoding === "json") return jsonMessage({ ...named, outputs: [{ ...output, data: Array.from(data) }] });
  const parameters = { binary_data_size: data.byteLength };
  return binaryMessage({ ...named, outputs: [{ ...output, parameters }] }, data);
}

function jsonMessage(content: object): Message {
  return { headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(content)) };
}

function binaryMessage(content: object, data: Float32Array): Message {
  const header = Buffer.from(JSON.stringify(content));
  return {
    headers: { "content-type": "application/octet-stream", [HEADER_LENGTH]: header.byteLength },
    body: Buffer.concat([header, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]),
  };
}
