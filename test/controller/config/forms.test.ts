// A config on its ways: from a file, back into one, as the JSON Schema tells it, and changed at random.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { stringify } from "yaml";
import { configJsonSchema, decodeConfig, loadConfig, toFileForm } from "../../../controller/config/index.ts";
import { formatFault } from "../../../runtime/base/config/index.ts";
import { decoded, deployment, FULL } from "./support.ts";

test("the file form, decoded, is the same config again", () => {
  for (const text of [
    FULL,
    deployment("name: a", "module: 'odd:name.ts'"),
    deployment("name: a", "model: a.bin", "engine: onnx"),
  ]) {
    const config = decoded(text);
    assert.deepEqual(decoded(JSON.stringify(toFileForm(config))), config);
    assert.deepEqual(decoded(stringify(toFileForm(config))), config);
  }
});

test("the published JSON Schema is what the schema gives, and describes every key", () => {
  const path = new URL("../../../controller/config/shoal.schema.json", import.meta.url);
  const published: unknown = JSON.parse(readFileSync(path, "utf8"));
  assert.deepEqual(
    published,
    configJsonSchema(),
    "run node controller/config/write-schema.ts and the formatter",
  );
  let keys = 0;
  JSON.stringify(published, (name, value: unknown) => {
    if (name !== "properties" || typeof value !== "object" || value === null) return value;
    for (const [key, schema] of Object.entries(value)) {
      keys++;
      const described = typeof schema === "object" && schema !== null && "description" in schema;
      assert(described, `${key} has no description`);
    }
    return value;
  });
  assert(keys > 50);
  assert.doesNotMatch(JSON.stringify(published), /x-wanted/);
});

test("a missing file is a fault, a missing model is not", async () => {
  const directory = await mkdtemp(join(tmpdir(), "shoal-serve-config-"));
  try {
    const path = join(directory, "shoal.yaml");
    await writeFile(path, deployment("name: a", "model: models/none.onnx"));
    const outcome = await loadConfig(path);
    assert(outcome.kind === "ok");
    const [application] = outcome.value.applications;
    assert.equal(application?.deployments[0]?.source.path, join(directory, "models/none.onnx"));
    const missing = await loadConfig(join(directory, "none.yaml"));
    assert(missing.kind === "faults");
    assert.equal(
      missing.faults.map(formatFault).join(),
      `${join(directory, "none.yaml")}:1:1: found no such file, wanted a readable file`,
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("a config changed at random is decoded or refused, never thrown at", () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom("1B", "a.onnx", "/", -1, 0, 1e300, "__proto__"));
  fc.assert(
    fc.property(fc.nat(), fc.nat(), value, (start, length, replacement) => {
      const from = start % FULL.length;
      const changed = FULL.slice(0, from) + JSON.stringify(replacement) + FULL.slice(from + (length % 40));
      const outcome = decodeConfig(changed, { file: "s.yaml" });
      if (outcome.kind === "faults") assert(outcome.faults.length > 0);
      else assert.deepEqual(decoded(JSON.stringify(toFileForm(outcome.value))), outcome.value);
    }),
    { numRuns: 1000 },
  );
});
