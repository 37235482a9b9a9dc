// The OpenAPI document: the V2 routes as declared, and a path per application made from its model's signature.

import type { Route } from "../../controller/index.ts";
import type { Datatype, TensorSpec } from "../../runtime/base/index.ts";

/** The paths of applications, as OpenAPI path items by path. */
export function applicationPaths(routes: readonly Route[]): Record<string, object> {
  const paths: Record<string, object> = {};
  for (const route of routes) {
    const path = route.prefix === "" ? "/" : route.prefix;
    if (route.ingress.takes.fetch) {
      paths[path] = { get: webOperation(route, "get"), post: webOperation(route, "post") };
    } else if (route.ingress.signature !== undefined && route.ingress.signature.inputs.length > 0) {
      paths[path] = { post: plainOperation(route) };
    }
  }
  return paths;
}

function webOperation({ application, ingress }: Route, method: string): object {
  return {
    operationId: `${application}_${method}`,
    tags: ["Applications"],
    summary: `Answered by the fetch of module "${ingress.name}"; so is every path below`,
    responses: { 200: { description: "Whatever the module answers." } },
  };
}

function plainOperation({ application, ingress }: Route): object {
  const { inputs = [], outputs = [] } = ingress.signature ?? {};
  return {
    operationId: `${application}_infer`,
    tags: ["Applications"],
    summary: `Run "${ingress.name}" on plain JSON`,
    requestBody: { required: true, content: json({ inputs: values(inputs) }, ["inputs"]) },
    responses: {
      200: { description: "Its outputs.", content: json({ outputs: values(outputs) }, ["outputs"]) },
      400: {
        description: "The inputs do not fit the model.",
        content: json({ error: { type: "string" } }, ["error"]),
      },
    },
  };
}

function json(properties: object, required: readonly string[]): object {
  return { "application/json": { schema: { type: "object", properties, required } } };
}

/** One tensor stands bare; several are named. */
function values(specs: readonly TensorSpec[]): object {
  const [only, second] = specs;
  if (only !== undefined && second === undefined) return nested(only);
  return {
    type: "object",
    properties: Object.fromEntries(specs.map((spec) => [spec.name, nested(spec)])),
    required: specs.map(({ name }) => name),
  };
}

function nested({ datatype, shape }: TensorSpec): object {
  return shape.reduceRight<object>(
    (items, size) =>
      size === -1 ? { type: "array", items } : { type: "array", items, minItems: size, maxItems: size },
    elementSchema(datatype),
  );
}

function elementSchema(datatype: Datatype): object {
  if (datatype === "BYTES") return { type: "string" };
  if (datatype === "BOOL") return { type: "boolean" };
  return { type: datatype.includes("INT") ? "integer" : "number", format: datatype.toLowerCase() };
}
