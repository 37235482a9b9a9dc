// Asking a runtime of another process: one that says nothing, says it late, stops in the middle, or is not there.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { test } from "node:test";
import { readRows, stateFolder, stateSocketOf } from "../../../../runtime/core/state/state-client.ts";

/** No process has such an id; the socket of each test is its own. */
const PIDS = [
  2 ** 30 + process.pid,
  2 ** 30 + 2 ** 23 + process.pid,
  2 ** 30 + 2 ** 24 + process.pid,
] as const;

async function listen(pid: number, answer: RequestListener): Promise<AsyncDisposable> {
  await mkdir(stateFolder(), { recursive: true, mode: 0o700 });
  const server = createServer(answer).listen(stateSocketOf(pid));
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

test("one that says nothing is given up, before its answer and in the middle of it", async () => {
  const [silent, halfway] = PIDS;
  await using _silent = await listen(silent, () => undefined);
  await using _halfway = await listen(
    halfway,
    (_, response) => void response.write('{"taskId":"1"}\n{"task'),
  );
  for (const pid of [silent, halfway]) {
    await assert.rejects(readRows(pid, "tasks", 20), {
      code: "DEADLINE_EXCEEDED",
      message: `Cannot ask the runtime of process ${pid}: it has not answered for 0.02 s, so it is blocked or stopped`,
    });
  }
});

test("rows come whole, however they are cut; an end in the middle and nobody at all are told", async () => {
  const [whole, broken, nobody] = PIDS;
  await using _whole = await listen(whole, (_, response) => {
    response.write('{"taskId":"é');
    response.write('1"}\n{"taskId":"2"}');
    response.end("\n");
  });
  await using _broken = await listen(broken, (_, response) => {
    response.write('{"taskId":"1"}\n', () => response.destroy());
  });
  const rows = await readRows(whole, "tasks");
  assert.deepEqual(
    rows.map(({ taskId }) => taskId),
    ["é1", "2"],
  );
  for (const pid of [broken, nobody])
    await assert.rejects(readRows(pid, "tasks"), { code: "NOT_FOUND", message: /it does not answer$/ });
});
