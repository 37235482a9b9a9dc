// Python's tritonclient, unmodified, against the real command. Optional: it needs a Python that has it.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { start } from "../support/serve.ts";

const CONFIG = fileURLToPath(new URL("../../examples/shoal.yaml", import.meta.url));
const CHECKS = fileURLToPath(new URL("fixtures/tritonclient-check.py", import.meta.url));
const HOW = "python3 -m venv v && v/bin/pip install 'tritonclient[http]', then SHOAL_PYTHON=v/bin/python";

test("tritonclient: sync and aio, JSON and binary, compressed, metadata, statistics, errors", async (t) => {
  const { SHOAL_PYTHON: python = "python3", SHOAL_REQUIRE_OPTIONAL: required } = process.env;
  const found = spawnSync(python, ["-c", "import tritonclient.http, tritonclient.http.aio"]).status === 0;
  if (!found) {
    assert.notEqual(required, "1", `found no tritonclient for ${python}: ${HOW}`);
    t.skip(`no tritonclient for ${python}: ${HOW}`);
    return;
  }
  await using server = await start(CONFIG);
  const child = spawn(python, [CHECKS, new URL(server.url).host], { stdio: ["ignore", "pipe", "pipe"] });
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  assert.equal(code, 0, `behind ${output}: ${errors}`);
  assert.match(output, /^sync errors$/m);
  assert.match(output, /^aio errors$/m);
});
