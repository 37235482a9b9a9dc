// What is served, in the words of V2 and of Triton's repository extension.

import { redactPaths, ShoalError, type TensorSpec } from "../../runtime/base/index.ts";
import type { Model } from "./models.ts";
import type { Signature } from "../../runtime/engines/index.ts";
import { parseJson } from "./json.ts";
import type { RequestLimits } from "./limits.ts";

export function modelMetadata({ name, versions }: Model, signature: Signature): object {
  return {
    name,
    versions: versions.map(({ version }) => version),
    platform: signature.platform,
    inputs: signature.inputs.map(tensorMetadata),
    outputs: signature.outputs.map(tensorMetadata),
  };
}

/** The fields that V2 has, and no others: some clients refuse what they do not know. */
function tensorMetadata({ name, datatype, shape }: TensorSpec): TensorSpec {
  return { name, datatype, shape };
}

interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: "READY" | "UNAVAILABLE" | "LOADING";
  readonly reason: string;
}

/** Triton's repository index; the body may ask for the ready ones only: `{"ready": true}`. */
export function repositoryIndex(
  models: readonly Model[],
  body: Uint8Array,
  limits: RequestLimits,
): readonly IndexEntry[] {
  const entries = models.flatMap(({ name, versions }) =>
    versions.map(({ version, status, ready }): IndexEntry => {
      const state = ready ? "READY" : status.state === "UPDATING" ? "LOADING" : "UNAVAILABLE";
      return { name, version, state, reason: redactPaths(status.message) };
    }),
  );
  return readyOnly(body, limits) ? entries.filter(({ state }) => state === "READY") : entries;
}

function readyOnly(body: Uint8Array, limits: RequestLimits): boolean {
  if (body.byteLength === 0) return false;
  const asked = parseJson(body, limits.maxJsonDepth);
  const ready = typeof asked === "object" && asked !== null && "ready" in asked ? asked.ready : false;
  if (typeof ready === "boolean") return ready;
  throw new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read the request: found ready ${JSON.stringify(ready)}, wanted true or false`,
  );
}
