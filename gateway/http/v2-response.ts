// The answer to a V2 infer request, as JSON or with the binary extension.

import { HEADER_LENGTH, type Tensor } from "../../runtime/base/index.ts";
import type { Body } from "./respond.ts";
import { tensorToJson } from "./tensor-json.ts";
import { invalid, type V2Request } from "./v2-request.ts";

interface Answer {
  readonly model: string;
  readonly version: string;
  readonly request: Pick<V2Request, "id" | "outputs" | "binaryByDefault">;
  readonly outputs: readonly Tensor[];
}

const JSON_HEADERS = { "content-type": "application/json" };

export function encodeV2Response(answer: Answer): Body {
  const { model, version, request } = answer;
  const wanted = selectOutputs(answer);
  const id = request.id === undefined ? "" : `,"id":${JSON.stringify(request.id)}`;
  let json = `{"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)}${id},"outputs":[`;
  const binary: Uint8Array[] = [];
  for (let index = 0; index < wanted.length; index++) {
    const output = wanted[index];
    if (output === undefined) continue;
    if (index > 0) json += ",";
    const { tensor } = output;
    if (output.binary) {
      json += `{"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(",")}],"parameters":{"binary_data_size":${tensor.bytes.byteLength}}}`;
      binary.push(tensor.bytes);
    } else {
      json += `{"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(",")}],"data":${tensorToJson(tensor)}}`;
    }
  }
  json += "]}";
  if (binary.length === 0) return { headers: JSON_HEADERS, parts: [json] };
  const headerLength = Buffer.byteLength(json);
  return {
    headers: { "content-type": "application/octet-stream", [HEADER_LENGTH]: String(headerLength) },
    parts: [json, ...binary],
  };
}

/** Throws INVALID_ARGUMENT when an output was asked for that a model without a signature does not give. */
function selectOutputs({
  model,
  request,
  outputs,
}: Answer): { readonly tensor: Tensor; readonly binary: boolean }[] {
  if (request.outputs.length === 0) {
    return outputs.map((tensor) => ({ tensor, binary: request.binaryByDefault }));
  }
  return request.outputs.map(({ name, binary }) => {
    const tensor = outputs.find((output) => output.name === name);
    if (tensor === undefined) {
      const given = outputs.map((output) => `"${output.name}"`).join(", ");
      throw invalid({ model }, `found output "${name}", wanted ${given}`);
    }
    return { tensor, binary };
  });
}
