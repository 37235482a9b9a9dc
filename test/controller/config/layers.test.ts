// Config files laid over each other: what is merged how, and where a fault is told.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { stringify } from "yaml";
import { decodeConfig, loadLayers } from "../../../controller/config/index.ts";
import { mergeOver, sourced, valueOf } from "../../../controller/config/merge.ts";
import { decodeDocument, type Field, formatFaults } from "../../../runtime/base/config/index.ts";
import { Type } from "typebox";
import { checkProperty } from "../../support/properties.ts";

class Files implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async of(files: Readonly<Record<string, string>>): Promise<Files> {
    const made = new Files(await mkdtemp(join(tmpdir(), "shoal-test-")));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(made.path(name)), { recursive: true });
      await writeFile(made.path(name), text);
    }
    return made;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async load(...names: string[]) {
    const outcome = await loadLayers(names.map((name) => this.path(name)));
    return outcome.kind === "ok"
      ? { config: outcome.value.config, faults: [], layered: outcome.value }
      : {
          config: undefined,
          layered: undefined,
          faults: formatFaults(outcome.faults).replaceAll(`${this.folder}/`, "").split("\n"),
        };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

const BASE = `
applications:
  - name: vision
    route_prefix: /vision
    deployments:
      - name: resnet
        model: models/resnet.onnx
        num_replicas: 1
        user_config: { size: 224, labels: [cat, dog], extra: { a: 1, b: 2 } }
        batching: { max_batch_size: 8 }
  - name: text
    route_prefix: /text
    deployments: [{ name: text, module: "./text.ts:Text" }]
http_options: { request_timeout_s: 5 }
`;

const PROD = `
applications:
  - name: vision
    deployments:
      - name: resnet
        num_replicas: 4
        user_config: { labels: [bird], extra: { a: null, c: 3 } }
        batching: { max_batch_size: null, batch_wait_timeout_s: 0.01 }
      - { name: mobile, model: mobile.onnx }
http_options: null
`;

test("applications and deployments are merged by name, maps deeply, null deletes, other lists are replaced", async () => {
  await using files = await Files.of({ "base.yaml": BASE, "prod.yaml": PROD });
  const { config, faults } = await files.load("base.yaml", "prod.yaml");
  assert.deepEqual(faults, []);
  const [vision, text] = config?.applications ?? [];
  assert.deepEqual([vision?.name, vision?.routePrefix, text?.name], ["vision", "/vision", "text"]);
  const [resnet, mobile] = vision?.deployments ?? [];
  assert.deepEqual(resnet?.userConfig, { size: 224, labels: ["bird"], extra: { b: 2, c: 3 } });
  assert.deepEqual([resnet?.numReplicas, resnet?.batching.maxBatchSize], [4, 32]);
  assert.equal(mobile?.source.path, files.path("mobile.onnx"));
  assert.equal(config?.http.requestTimeoutMs, 60_000);
});

test("one file is what it was, to the byte", async () => {
  await using files = await Files.of({ "base.yaml": BASE });
  const { layered } = await files.load("base.yaml");
  assert.equal(Buffer.from(layered?.text ?? "").toString(), BASE);
  assert.equal(layered?.directory, files.folder);
});

test("a path is relative to the file that names it (2)", async () => {
  const over = `applications: [{ name: text, deployments: [{ name: text, module: "../own.ts:Other" }] }]`;
  await using files = await Files.of({ "base.yaml": BASE, "over/here/prod.yaml": over });
  const { config } = await files.load("base.yaml", "over/here/prod.yaml");
  const [vision, text] = config?.applications ?? [];
  assert.equal(vision?.deployments[0]?.source.path, files.path("models/resnet.onnx"));
  assert.deepEqual(text?.deployments[0]?.source, {
    engine: "module",
    path: files.path("over/own.ts"),
    engineOptions: { export: "Other" },
  });
});

test("so are the paths of policies and of certificates; a policy of ours has none (2)", async () => {
  const scaled = (name: string, policy: string): string =>
    `{ name: ${name}, model: a.onnx, autoscaling_config: { max_replicas: 2${policy} } }`;
  const over = `
applications:
  - { name: own, route_prefix: /own, deployments: [${scaled("a", ", policy: ./a.ts:go")}, ${scaled("b", ", policy: hpa")}] }
  - name: shared
    route_prefix: /shared
    autoscaling_policy: { policy_function: ../all.ts }
    deployments: [${scaled("c", "")}]
keda_options: { tls: { cert_file: a.pem, key_file: ../a.key } }
`;
  await using files = await Files.of({ "base.yaml": BASE, "over/here/prod.yaml": over });
  const { config, faults } = await files.load("base.yaml", "over/here/prod.yaml");
  assert.deepEqual(faults, []);
  const policies = config?.applications
    .slice(-2)
    .flatMap(({ deployments }) =>
      deployments.map(({ scaling }) =>
        typeof scaling?.policy === "object" ? scaling.policy.path : scaling?.policy,
      ),
    );
  assert.deepEqual(policies, [files.path("over/here/a.ts"), "hpa", files.path("over/all.ts")]);
  assert.deepEqual(config?.keda?.tls, {
    certFile: files.path("over/here/a.pem"),
    keyFile: files.path("over/a.key"),
  });
});

test("a fault is told in the file and at the line that it came from (1)", async () => {
  await using files = await Files.of({
    "base.yaml": BASE.replace("num_replicas: 1", "num_replicas: none"),
    "keys.yaml":
      "applications:\n  - name: vision\n    deployments:\n      - { name: resnet, num_replica: 2 }\n",
    "route.yaml":
      "applications:\n- name: text\n  route_prefix: /vision\n- name: vision\n  deployments: [{ name: resnet, num_replicas: 2 }]\n",
    "broken.yaml": "applications: [\n",
  });
  assert.deepEqual((await files.load("base.yaml", "keys.yaml")).faults, [
    'base.yaml:8:23: found "none" at applications[0].deployments[0].num_replicas, wanted a whole number from 1 to 1024, or auto',
    'keys.yaml:4:25: found the unknown key "num_replica" at applications[0].deployments[0].num_replica, wanted a known key; did you mean "num_replicas"?',
  ]);
  const [clash, ...more] = (await files.load("base.yaml", "route.yaml")).faults;
  assert.match(
    clash ?? "",
    /^route\.yaml:3:17: found "\/vision" again .* at applications\[1\]\.route_prefix/,
  );
  assert.deepEqual(more, []);
  assert.match((await files.load("base.yaml", "broken.yaml")).faults[0] ?? "", /^broken\.yaml:\d+:\d+: /);
  assert.match(
    (await files.load("base.yaml", "none.yaml")).faults[0] ?? "",
    /^none\.yaml:1:1: found no such file/,
  );
});

/** RFC 7396, section 2, as it stands there. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const merged = new Map(
    typeof target === "object" && target !== null && !Array.isArray(target) ? Object.entries(target) : [],
  );
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

function tree(value: unknown) {
  const captured: Field[] = [];
  const rules = [(root: Field): void => void captured.push(root)];
  const decoded = decodeDocument(JSON.stringify(value), { file: "", schema: Type.Unknown(), rules });
  const [root] = captured;
  assert(decoded.kind === "ok" && root !== undefined, JSON.stringify(decoded));
  return sourced(root.node, "");
}

test("apart from named lists it is JSON Merge Patch", (t) => {
  const key = fc.constantFrom("a", "b", "c");
  const { node } = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, 1, "x", true),
      fc.array(tie("node"), { maxLength: 2 }),
      fc.dictionary(key, tie("node"), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  checkProperty(
    t,
    fc.property(node, node, (under, over) => {
      assert.deepEqual(valueOf(mergeOver(tree(under), tree(over))), mergePatch(under, over));
    }),
    300,
  );
});

test("a config merged out of two files is the one that somebody would have written", () => {
  const merged = valueOf(
    mergeOver(
      tree({ applications: [{ deployments: [{ name: "a", model: "a.onnx" }] }] }),
      tree({
        applications: [{ route_prefix: "/a", deployments: [{ name: "a", num_replicas: 2 }] }],
      }),
    ),
  );
  const decoded = decodeConfig(stringify(merged), { file: "s.yaml" });
  assert(decoded.kind === "ok");
  assert.deepEqual(
    decoded.value.applications.map(({ name, routePrefix, deployments }) => [
      name,
      routePrefix,
      deployments[0]?.numReplicas,
    ]),
    [["default", "/a", 2]],
  );
});
