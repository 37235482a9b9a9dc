// The examples of the runtime, run as a user runs them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const FOLDER = join(import.meta.dirname, "../../examples/core");

async function run(name: string, variables: NodeJS.ProcessEnv = {}): Promise<string> {
  const args = ["--conditions=shoal-source", join(FOLDER, name)];
  const env = { ...process.env, ...variables };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return stdout;
}

test("a map over all CPUs, with nested tasks", async () => {
  assert.equal(await run("parallel-map.ts"), "primes below 29000: 3153\nin nested tasks: 193\n");
});

test("a pool of actors", async () => {
  assert.equal(await run("actor-pool.ts"), "3\n");
});

test("an array that all tasks read", async () => {
  assert.equal(await run("shared-objects.ts"), "499999500000\n");
});

test("a placement group", async () => {
  assert.equal(await run("placement-group.ts"), "[ 25, 168 ]\n");
});

test("a stream that its reader leaves", async () => {
  assert.equal(await run("stream.ts"), "read\nme\none\n");
});

test("a graph of tasks", async () => {
  assert.equal(await run("task-graph.ts"), "[ 7, 2 ]\n");
});

test("a compiled graph", async () => {
  assert.equal(await run("task-graph-compiled.ts"), "[ 111, 1111, 2111, 3111, 4111, 5111 ]\n");
});

test("an environment with npm packages", async () => {
  const caches = await mkdtemp(join(tmpdir(), "environment-example-"));
  try {
    const printed = await run("environment.ts", { XDG_CACHE_HOME: caches });
    assert.equal(printed, "[ 3, 'latin, ready' ]\nrunes, ready\nRUNTIME_ENV_SETUP_FAILED\n");
  } finally {
    await rm(caches, { recursive: true, force: true });
  }
});
