// By what other processes ask a runtime: where its socket may lie.

import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { serveState } from "../../../../runtime/core/head/state-server.ts";
import { stateFolder } from "../../../../runtime/core/state/state-client.ts";

test("1: not in a folder that others can enter, as one may have made it before", async () => {
  const before = process.env["TMPDIR"];
  const folder = await mkdtemp(join(tmpdir(), "state-server-test-"));
  process.env["TMPDIR"] = folder;
  try {
    const serve = (): Promise<AsyncDisposable> => serveState({ rows: () => [] }, async () => []);
    await mkdir(stateFolder());
    await chmod(stateFolder(), 0o755);
    await assert.rejects(serve(), { code: "PERMISSION_DENIED", message: /found a folder of others too/ });
    await chmod(stateFolder(), 0o700);
    await (await serve())[Symbol.asyncDispose]();
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    await rm(folder, { recursive: true, force: true });
  }
});
