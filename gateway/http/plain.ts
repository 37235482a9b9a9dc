// The plain JSON route of an application: values in, values out, datatypes and shapes from the model.
//
//   {"inputs": [[1, 2]]}             a model with one input        → {"outputs": [[3]]}
//   {"inputs": {"a": …, "b": …}}     a model with several inputs   → {"outputs": {"x": …, "y": …}}
//   [[1, 2]]                         the same as the first form

import type { FastifyReply, FastifyRequest } from "fastify";
import type { InferWork } from "../../controller/index.ts";
import { elementCount, ShoalError, type Tensor, type TensorSpec } from "../../runtime/base/index.ts";
import { readBody } from "./body.ts";
import { batchingHeaders, claimOf } from "./claim.ts";
import { Exchange, timeoutMsOf } from "./exchange.ts";
import { parseJson, parseJsonExactly } from "./json.ts";
import { tensorFromNumbers } from "./number-tensor.ts";
import { sendBody } from "./respond.ts";
import { copyToShadows } from "./shadows.ts";
import { type SparseJson, trySparse } from "./sparse-json.ts";
import { describe, needsExactDigits, tensorFromJson, tensorToNestedJson } from "./tensor-json.ts";
import { checkAgainst, invalid, plan, type V2Context } from "./v2-request.ts";
import type { RouteContext } from "./v2-routes.ts";
import type { Chosen } from "./versions.ts";

/** One request, while its body and its place at the door are kept for another attempt. */
export interface PlainExchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly context: RouteContext;
  /** The bound of the route, in milliseconds. */
  readonly routeTimeoutMs: number;
  exchange: Exchange | undefined;
  body: Buffer | undefined;
}

export async function answerPlain(
  { deployment, visit }: Chosen,
  plain: PlainExchange,
): Promise<FastifyReply> {
  const { request, reply, context } = plain;
  const { signature, name: model } = deployment;
  if (signature === undefined || signature.inputs.length === 0) {
    throw new ShoalError(
      "UNSUPPORTED",
      `Cannot answer plain JSON for "${model}": it declares no signature; use /v2/models/${encodeURIComponent(model)}/infer`,
      { verbatim: true },
    );
  }
  plain.exchange ??= new Exchange(context.admission, reply);
  const timeoutMs = Math.min(plain.routeTimeoutMs, timeoutMsOf(request, deployment));
  plain.body ??= await readBody(request.raw, context.limits, timeoutMs);
  const inputs = decodePlain(plain.body, { model, signature, limits: context.limits });
  const { rows, joinKey, outputNames: outputs } = plan(inputs, [], signature);
  const claim = claimOf(request, deployment);
  const work: InferWork = { kind: "infer", inputs, outputs, rows, joinKey, claim };
  const running = plain.exchange.run(deployment, work, timeoutMs);
  visit?.sent();
  const result = await running;
  visit?.answered();
  if (visit !== undefined) {
    copyToShadows(visit, { work, expected: result.outputs, catalog: context.catalog });
  }
  plain.exchange.free();
  if (result.release !== undefined) reply.raw.once("close", result.release);
  const parts = [`{"outputs":${encodePlain(result.outputs)}}`];
  const headers = { "content-type": "application/json", ...batchingHeaders(request, result) };
  await sendBody(reply, { headers, parts });
  return reply;
}

/** Decodes a plain body; throws INVALID_ARGUMENT. */
export function decodePlain(body: Uint8Array, context: V2Context): readonly Tensor[] {
  const inPlace = trySparse(body, context.limits, (sparse) => decodePlainJson(body, context, sparse));
  return inPlace ?? decodePlainJson(body, context);
}

/** The same from all of the JSON, or with numbers that were read in place, which then is no refusal's last word. */
export function decodePlainJson(
  body: Uint8Array,
  context: V2Context,
  sparse?: SparseJson,
): readonly Tensor[] {
  const parsed = sparse === undefined ? parseJson(body, context.limits.maxJsonDepth) : sparse.value;
  const values = valuesOf(parsed, context);
  let exact: ReadonlyMap<string, unknown> | undefined;
  let elements = 0;
  return context.signature.inputs.map((spec) => {
    let data = values.get(spec.name);
    if (data === undefined) throw invalid(context, `found no input "${spec.name}"`);
    const numbers = sparse?.take(data);
    const shape = numbers?.shape ?? shapeOf(data);
    const described = { name: spec.name, datatype: spec.datatype, shape };
    checkAgainst(spec, described, context);
    elements += elementCount(shape);
    if (elements > context.limits.maxElements) {
      throw invalid(context, `found ${elements} elements, wanted at most ${context.limits.maxElements}`);
    }
    if (numbers !== undefined) return tensorFromNumbers(described, numbers);
    if (needsExactDigits(spec.datatype, data)) {
      exact ??= valuesOf(parseJsonExactly(body), context);
      data = exact.get(spec.name);
    }
    return tensorFromJson(described, data);
  });
}

function valuesOf(parsed: unknown, context: V2Context): ReadonlyMap<string, unknown> {
  const specs = context.signature.inputs;
  const inputs = Array.isArray(parsed) ? parsed : inputsOf(parsed, context);
  if (typeof inputs === "object" && inputs !== null && !Array.isArray(inputs)) {
    const values = new Map<string, unknown>(Object.entries(inputs));
    for (const name of values.keys()) {
      if (!specs.some((spec) => spec.name === name))
        throw invalid(context, `found input "${name}", wanted ${names(specs)}`);
    }
    return values;
  }
  const [only, second] = specs;
  if (only === undefined || second !== undefined) {
    throw invalid(context, `found ${describe(inputs)} as inputs, wanted an object with ${names(specs)}`);
  }
  return new Map([[only.name, inputs]]);
}

function inputsOf(parsed: unknown, context: V2Context): unknown {
  if (typeof parsed === "object" && parsed !== null && "inputs" in parsed) return parsed.inputs;
  throw invalid(context, `found ${describe(parsed)} without "inputs", wanted {"inputs": …}`);
}

function names(specs: readonly TensorSpec[]): string {
  return specs.map(({ name }) => `"${name}"`).join(", ");
}

/** The shape that the nesting of a value shows; the first element of each list speaks for the others. */
function shapeOf(data: unknown): readonly number[] {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

function encodePlain(outputs: readonly Tensor[]): string {
  const [only, second] = outputs;
  if (only !== undefined && second === undefined) return tensorToNestedJson(only);
  const fields = outputs.map((output) => `${JSON.stringify(output.name)}:${tensorToNestedJson(output)}`);
  return `{${fields.join(",")}}`;
}
