// An infer request of the Open Inference Protocol V2, in JSON, with the binary extension or as bare bytes,
// into checked tensors.
//
// 1. Everything is checked against the model's signature here, once; behind this door types are trusted.
// 2. Inputs come out in the signature's order, so that requests of one kind can be joined.
// 3. A request that is not taken with its numbers read in place is decoded again from all of its JSON: only that refuses.

import {
  checkTensor,
  type Datatype,
  elementBytesOf,
  elementCount,
  isDatatype,
  rowsOf,
  ShoalError,
  type Tensor,
  type TensorSpec,
  takeBinary,
} from "../../runtime/base/index.ts";
import type { Signature, SignatureTensor } from "../../runtime/engines/index.ts";
import { joinKey, PRIORITIES, type Priority } from "../../controller/index.ts";
import { recall, remember } from "./header-memo.ts";
import { parseJson, parseJsonExactly } from "./json.ts";
import type { RequestLimits } from "./limits.ts";
import { tensorFromNumbers } from "./number-tensor.ts";
import { type SparseJson, trySparse } from "./sparse-json.ts";
import { describe, needsExactDigits, tensorFromJson } from "./tensor-json.ts";

export interface V2Request {
  readonly id: string | undefined;
  readonly inputs: readonly Tensor[];
  /** Size of the batch axis; 1 for a model without one. */
  readonly rows: number;
  /** Requests with equal keys may share a batch. */
  readonly joinKey: string;
  readonly outputNames: readonly string[];
  /** Outputs asked for; empty means all, as `binaryByDefault` says. */
  readonly outputs: readonly { readonly name: string; readonly binary: boolean }[];
  readonly binaryByDefault: boolean;
  /** `parameters.timeout`, microseconds; undefined when not given. */
  readonly timeoutUs: number | undefined;
  /** `parameters.priority`; undefined when not given. */
  readonly priority: Priority | undefined;
}

export interface V2Context {
  readonly model: string;
  readonly signature: Signature;
  readonly limits: RequestLimits;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Decodes a body. `headerLength` is the `Inference-Header-Content-Length`: undefined when there is none and the
 * whole body is JSON, 0 when there is no JSON and the body is one input's bytes.
 */
export function decodeV2Request(
  body: Uint8Array,
  headerLength: number | undefined,
  context: V2Context,
): V2Request {
  if (headerLength === 0) return bareBytes(body, context);
  if (headerLength !== undefined && headerLength > body.byteLength) {
    throw invalid(
      context,
      `found Inference-Header-Content-Length ${headerLength}, wanted at most the body's ${body.byteLength} bytes`,
    );
  }
  const json = headerLength === undefined ? body : body.subarray(0, headerLength);
  const binary = body.subarray(json.byteLength);
  const { signature } = context;
  const recalled = binary.byteLength === 0 ? undefined : recall(json, binary, signature);
  if (recalled !== undefined) return recalled;
  const source = { json, binary, context };
  const request =
    trySparse(json, context.limits, (sparse) => decodeV2Json(source, sparse)) ?? decodeV2Json(source); // invariant 3
  const allBinary = request.inputs.every(({ bytes }) => bytes.buffer === binary.buffer);
  if (allBinary && binary.byteLength > 0) remember(json, binary, { request, signature });
  return request;
}

interface RequestSource {
  /** The body's JSON, and the bytes behind it. */
  readonly json: Uint8Array;
  readonly binary: Uint8Array;
  readonly context: V2Context;
}

/** The request from all of its JSON, or with numbers that were read in place, which then is no refusal's last word. */
export function decodeV2Json(source: RequestSource, sparse?: SparseJson): V2Request {
  const { json, context } = source;
  const { signature } = context;
  const value = sparse === undefined ? parseJson(json, context.limits.maxJsonDepth) : sparse.value;
  const fields = asFields(value, "the request", context);
  const parameters = parametersOf(fields, "the request", context);
  const binaryByDefault = flagOf(parameters, "binary_data_output", context) ?? false;
  const inputs = decodeInputs(fields, source, sparse);
  const outputs = decodeOutputs(fields, binaryByDefault, context);
  return {
    id: idOf(fields, context),
    ...plan(inputs, outputs, signature),
    outputs,
    binaryByDefault,
    timeoutUs: timeoutOf(parameters, context),
    priority: priorityOf(parameters, context),
  };
}

/** What the dispatcher asks of a request, beside its tensors. */
export function plan(
  inputs: readonly Tensor[],
  outputs: V2Request["outputs"],
  { batchable }: Signature,
): Pick<V2Request, "inputs" | "rows" | "joinKey" | "outputNames"> {
  const outputNames = outputs.map(({ name }) => name);
  const [first] = inputs;
  const rows = batchable && first !== undefined ? rowsOf(first) : 1;
  return { inputs, rows, joinKey: joinKey(inputs, outputNames), outputNames };
}

function decodeInputs(
  request: Fields,
  { json, binary, context }: RequestSource,
  sparse: SparseJson | undefined,
): readonly Tensor[] {
  const described = listOf(request, "inputs", context);
  const { signature, limits } = context;
  let exact: readonly unknown[] | undefined;
  let elements = 0;
  let offset = 0;
  const inputs: Tensor[] = [];
  for (let index = 0; index < described.length; index++) {
    const fields = asFields(described[index], `inputs[${index}]`, context);
    const input = describeInput(fields, index, context);
    if (inputs.some(({ name }) => name === input.name)) {
      throw invalid(context, `found input "${input.name}" twice`);
    }
    elements += elementCount(input.shape);
    if (elements > limits.maxElements) {
      throw invalid(context, `found ${elements} elements, wanted at most ${limits.maxElements}`);
    }
    const size = parametersOf(fields, `input "${input.name}"`, context)["binary_data_size"];
    const numbers = sparse?.take(fields["data"]);
    if (size === undefined && numbers !== undefined) inputs.push(tensorFromNumbers(input, numbers));
    else if (size === undefined) {
      let data = fields["data"];
      if (needsExactDigits(input.datatype, data)) {
        exact ??= (parseJsonExactly(json) as { inputs: readonly unknown[] }).inputs;
        data = (exact[index] as Fields)["data"];
      }
      inputs.push(tensorFromJson(input, data));
    } else {
      if (fields["data"] !== undefined) {
        throw invalid(context, `found both data and binary_data_size for input "${input.name}"`);
      }
      const bytes = takeBinary(binary, offset, { name: input.name, size });
      offset += bytes.byteLength;
      const tensor = { ...input, bytes };
      checkTensor(tensor);
      inputs.push(tensor);
    }
  }
  if (offset !== binary.byteLength) {
    throw invalid(context, `found ${binary.byteLength - offset} bytes behind the last input`);
  }
  return inSignatureOrder(inputs, signature.inputs, context);
}

/** More dimensions than any model has; each is looked at several times. */
const MAX_RANK = 64;

interface DescribedInput {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

function describeInput(fields: Fields, index: number, context: V2Context): DescribedInput {
  const { name, datatype, shape } = fields;
  if (typeof name !== "string" || name === "") {
    throw invalid(context, `found ${describe(name)} as name of inputs[${index}], wanted a string`);
  }
  if (!isDatatype(datatype)) {
    throw invalid(
      context,
      `found datatype ${describe(datatype)} for input "${name}", wanted one of V2's, such as FP32`,
    );
  }
  if (
    !Array.isArray(shape) ||
    shape.length > MAX_RANK ||
    !shape.every((size) => Number.isSafeInteger(size) && size >= 0)
  ) {
    const found = Array.isArray(shape) ? JSON.stringify(shape).slice(0, 100) : describe(shape);
    throw invalid(
      context,
      `found shape ${found} for input "${name}", wanted at most ${MAX_RANK} whole numbers from 0`,
    );
  }
  const input = { name, datatype, shape: shape as readonly number[] };
  const { inputs } = context.signature;
  if (inputs.length > 0)
    checkAgainst(
      inputs.find((spec) => spec.name === name),
      input,
      context,
    );
  return input;
}

/** Checks one input against what the model takes under its name. */
export function checkAgainst(
  spec: SignatureTensor | undefined,
  input: DescribedInput,
  context: V2Context,
): void {
  if (spec === undefined) {
    const names = context.signature.inputs.map(({ name }) => `"${name}"`).join(", ");
    throw invalid(context, `found input "${input.name}", wanted ${names}`);
  }
  if (spec.datatype !== input.datatype) {
    throw invalid(
      context,
      `found datatype ${input.datatype} for input "${input.name}", wanted ${spec.datatype}`,
    );
  }
  if (spec.anyShape === true) return;
  const fits =
    spec.shape.length === input.shape.length &&
    spec.shape.every((size, axis) => size === -1 || size === input.shape[axis]);
  if (!fits) {
    throw invalid(
      context,
      `found shape [${input.shape.join(",")}] for input "${input.name}", wanted [${spec.shape.join(",")}]`,
    );
  }
}

/** Invariant 2; names what is missing. */
function inSignatureOrder(
  inputs: readonly Tensor[],
  specs: readonly TensorSpec[],
  context: V2Context,
): readonly Tensor[] {
  if (specs.length === 0) return inputs;
  return specs.map((spec, index) => {
    const own =
      inputs[index]?.name === spec.name ? inputs[index] : inputs.find(({ name }) => name === spec.name);
    if (own === undefined) throw invalid(context, `found no input "${spec.name}"`);
    return own;
  });
}

function decodeOutputs(request: Fields, binaryByDefault: boolean, context: V2Context): V2Request["outputs"] {
  if (isAbsent(request["outputs"])) return [];
  const known = context.signature.outputs;
  const names = new Set<string>();
  return listOf(request, "outputs", context).map((entry, index) => {
    const fields = asFields(entry, `outputs[${index}]`, context);
    const { name } = fields;
    if (typeof name !== "string") {
      throw invalid(context, `found ${describe(name)} as name of outputs[${index}], wanted a string`);
    }
    if (names.has(name)) throw invalid(context, `found output "${name}" twice`);
    names.add(name);
    if (known.length > 0 && !known.some((spec) => spec.name === name)) {
      throw invalid(
        context,
        `found output "${name}", wanted ${known.map((spec) => `"${spec.name}"`).join(", ")}`,
      );
    }
    const parameters = parametersOf(fields, `output "${name}"`, context);
    if (parameters["classification"] !== undefined) {
      // Left out silently, the client would take the values for classes.
      throw invalid(context, `found classification for output "${name}", which is not supported`);
    }
    return { name, binary: flagOf(parameters, "binary_data", context) ?? binaryByDefault };
  });
}

/** A body that is the bytes of the only input, of which one dimension may vary; the answer is all binary. */
function bareBytes(body: Uint8Array, context: V2Context): V2Request {
  const [spec, second] = context.signature.inputs;
  if (spec === undefined || second !== undefined) {
    throw invalid(context, "found a body of bare bytes (header length 0), wanted a model with one input");
  }
  const wanted = oneVariable(spec.shape, context.signature.batchable);
  const elementBytes = elementBytesOf(spec.datatype);
  const fixed = elementCount(wanted.map((size) => (size === -1 ? 1 : size)));
  const free = elementBytes === 0 ? 1 : body.byteLength / (elementBytes * fixed);
  const variable = wanted.filter((size) => size === -1).length;
  if (variable > 1 || !Number.isInteger(free) || (variable === 0 && free !== 1)) {
    throw invalid(
      context,
      `found ${body.byteLength} bare bytes, which do not fit input "${spec.name}" ${spec.datatype} [${spec.shape.join(",")}]`,
    );
  }
  const shape = wanted.map((size) => (size === -1 ? free : size));
  const elements = elementCount(shape);
  if (elements > context.limits.maxElements) {
    throw invalid(context, `found ${elements} elements, wanted at most ${context.limits.maxElements}`);
  }
  const bytes = elementBytes === 0 ? withLength(body) : body;
  const tensor = { name: spec.name, datatype: spec.datatype, shape, bytes };
  checkTensor(tensor);
  const planned = plan([tensor], [], context.signature);
  return {
    id: undefined,
    ...planned,
    outputs: [],
    binaryByDefault: true,
    timeoutUs: undefined,
    priority: undefined,
  };
}

/** A shape with a batch axis and another that varies is one row, as Triton has it. */
function oneVariable(shape: readonly number[], batchable: boolean): readonly number[] {
  const isSecond = batchable && shape[0] === -1 && shape.indexOf(-1, 1) !== -1;
  return isSecond ? [1, ...shape.slice(1)] : shape;
}

function withLength(body: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + body.byteLength);
  bytes.writeUInt32LE(body.byteLength);
  bytes.set(body, 4);
  return bytes;
}

function idOf(request: Fields, context: V2Context): string | undefined {
  const { id } = request;
  if (typeof id === "string") return id;
  if (isAbsent(id)) return undefined;
  throw invalid(context, `found ${describe(id)} as id, wanted a string`);
}

function timeoutOf(parameters: Fields, context: V2Context): number | undefined {
  const { timeout } = parameters;
  if (timeout === undefined || timeout === 0) return undefined; // 0 is Triton's word for none
  if (typeof timeout === "number" && Number.isSafeInteger(timeout) && timeout > 0) return timeout;
  throw invalid(context, `found timeout ${describe(timeout)}, wanted a whole number of microseconds from 0`);
}

/** Triton's numbers, 1 for the highest and 0 for the default, or our names; below the third all are low. */
function priorityOf(parameters: Fields, context: V2Context): Priority | undefined {
  const { priority } = parameters;
  if (priority === undefined || priority === 0) return undefined;
  if (typeof priority === "number" && Number.isSafeInteger(priority) && priority > 0) {
    return PRIORITIES[priority - 1] ?? "low";
  }
  const named = PRIORITIES.find((one) => one === priority);
  if (named !== undefined) return named;
  const wanted = `a whole number from 0, or ${PRIORITIES.map((one) => `"${one}"`).join(", ")}`;
  throw invalid(context, `found priority ${describe(priority)}, wanted ${wanted}`);
}

function flagOf(parameters: Fields, key: string, context: V2Context): boolean | undefined {
  const flag = parameters[key];
  if (flag === undefined || typeof flag === "boolean") return flag;
  throw invalid(context, `found ${key} ${describe(flag)}, wanted true or false`);
}

/** Clients that write out every field of a class send null for what they do not mean. */
function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

const NO_PARAMETERS: Fields = {};

function parametersOf(fields: Fields, where: string, context: V2Context): Fields {
  const { parameters } = fields;
  if (isAbsent(parameters)) return NO_PARAMETERS;
  return asFields(parameters, `parameters of ${where}`, context);
}

function listOf(request: Fields, key: string, context: V2Context): readonly unknown[] {
  const list = request[key];
  if (!Array.isArray(list)) throw invalid(context, `found ${describe(list)} as ${key}, wanted a list`);
  if (list.length > context.limits.maxTensors) {
    throw invalid(context, `found ${list.length} ${key}, wanted at most ${context.limits.maxTensors}`);
  }
  return list;
}

function asFields(value: unknown, where: string, context: V2Context): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(context, `found ${describe(value)} as ${where}, wanted an object`);
}

export function invalid({ model }: Pick<V2Context, "model">, what: string): ShoalError {
  return new ShoalError("INVALID_ARGUMENT", `Cannot read the request for model "${model}": ${what}`);
}
