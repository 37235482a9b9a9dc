import assert from "node:assert/strict";
import { test } from "node:test";
import { METHODS } from "../../../gateway/http/methods.ts";
import { ADD_SUB, FakeDeployment, identity, open } from "./support.ts";

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const TYPES = ["array", "boolean", "integer", "null", "number", "object", "string"];

async function documentOf(deployments: readonly FakeDeployment[]): Promise<Document> {
  await using door = await open(deployments);
  const response = await fetch(`${door.url}/openapi.json`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
  return (await response.json()) as Document;
}

function deployments(): readonly FakeDeployment[] {
  const web = new FakeDeployment("web", identity("BYTES"));
  web.takes = { infer: true, fetch: true };
  const unloaded = new FakeDeployment("unloaded", undefined);
  return [
    new FakeDeployment("simple", ADD_SUB),
    new FakeDeployment("one", identity("FP32", [-1, 2, 3])),
    web,
    unloaded,
  ];
}

test("the document keeps the rules of OpenAPI 3.1", async () => {
  const document = await documentOf(deployments());
  assert.match(document.openapi, /^3\.1\.\d+$/);
  assert(document.info.title !== "" && document.info.version !== "");
  const ids = new Set<string>();
  for (const [path, item] of Object.entries(document.paths)) {
    assert.match(path, /^\//);
    const named = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name = ""]) => name).toSorted();
    for (const [method, operation] of Object.entries(item)) {
      assert(METHODS.includes(method.toUpperCase() as (typeof METHODS)[number]), `${method} ${path}`);
      assert(!ids.has(operation.operationId), `operationId ${operation.operationId} is there twice`);
      ids.add(operation.operationId);
      const given = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      assert.deepEqual(given.map(({ name }) => name).toSorted(), named, `${method} ${path}`);
      for (const { required } of given) assert.equal(required, true, "a path's parameter is required");
      const responses = Object.entries(operation.responses);
      assert(responses.length > 0, `${method} ${path} has no response`);
      for (const [status, { description }] of responses) {
        assert.match(status, /^([1-5]\d\d|default)$/);
        assert.equal(typeof description, "string");
      }
      if (method === "get") assert.equal(operation.requestBody, undefined, `GET ${path} has no body`);
    }
  }
  const walk = (node: unknown, at: string): void => {
    if (typeof node !== "object" || node === null) return;
    const { type, items, required, properties, $ref } = node as Schema & { $ref?: unknown };
    assert.equal($ref, undefined, `${at} refers elsewhere`);
    if (typeof type === "string" && !at.endsWith("properties"))
      assert(TYPES.includes(type), `${at}: ${type}`);
    if (type === "array") assert(items !== undefined, `${at} is an array of what?`);
    for (const name of Array.isArray(required) ? required : []) {
      assert(properties?.[name as string] !== undefined, `${at} requires ${name}`);
    }
    for (const [key, value] of Object.entries(node)) walk(value, `${at}/${key}`);
  };
  walk(document.paths, "");
});

test("every route is there", async () => {
  const { paths } = await documentOf(deployments());
  const model = "/v2/models/{model}";
  const wanted: Record<string, readonly string[]> = {
    "/v2": ["get"],
    "/v2/health/live": ["get"],
    "/v2/health/ready": ["get"],
    "/v2/models": ["get"],
    "/v2/models/stats": ["get"],
    "/v2/repository/index": ["post"],
    "/simple": ["post"],
    "/one": ["post"],
    "/web": ["get", "post"],
  };
  for (const base of [model, `${model}/versions/{version}`]) {
    wanted[base] = ["get"];
    wanted[`${base}/ready`] = ["get"];
    wanted[`${base}/stats`] = ["get"];
    wanted[`${base}/infer`] = ["post"];
  }
  const found = Object.fromEntries(
    Object.entries(paths).map(([path, item]) => [path, Object.keys(item).toSorted()]),
  );
  assert.deepEqual(found, wanted);
});

test("each of its paths answers: none is written that is not served", async () => {
  await using door = await open(deployments());
  const { paths } = (await (await fetch(`${door.url}/openapi.json`)).json()) as Document;
  for (const [path, item] of Object.entries(paths)) {
    if (path === "/web") continue; // its replica is a fake without a socket
    const url = door.url + path.replace("{model}", "simple").replace("{version}", "1");
    for (const method of Object.keys(item)) {
      const response = await fetch(url, { method });
      assert(
        [200, 400].includes(response.status),
        `${method} ${path}: ${response.status} ${await response.text()}`,
      );
    }
  }
});

test("an application's path has its model's inputs and outputs, nested as their shapes", async () => {
  const { paths } = await documentOf(deployments());
  const schemaOf = (path: string): Schema | undefined =>
    paths[path]?.["post"]?.requestBody?.content["application/json"]?.schema;
  const inputs = schemaOf("/simple")?.properties?.["inputs"];
  assert.deepEqual(inputs?.required, ["INPUT0", "INPUT1"]);
  assert.deepEqual(inputs?.properties?.["INPUT0"], {
    type: "array",
    items: { type: "array", items: { type: "integer", format: "int32" }, minItems: 4, maxItems: 4 },
  });
  const only = schemaOf("/one")?.properties?.["inputs"];
  assert.equal(only?.items?.minItems, 2);
  assert.equal(only.items.items?.minItems, 3);
});
