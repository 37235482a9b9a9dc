// Answers other processes of the same user about the runtime: `shoal list`, `summary`, `timeline`, `stack`.
//
//   GET /rows/<kind>              one JSON row a line
//   GET /stacks?timeoutMs=2000    the same, of where the workers stand
//
// 1. The socket lies in a folder that only its user can enter.
// 2. It keeps no process alive, and is removed at shutdown.

import { once } from "node:events";
import { mkdir, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ShoalError } from "../../base/index.ts";
import type { RowKind } from "../state/index.ts";
import { stateFolder, stateSocketOf } from "../state/state-client.ts";
import type { StacksOptions, WorkerStack } from "../stacks/worker-stack.ts";
import type { StateTables } from "./state-tables.ts";

const KINDS: readonly RowKind[] = ["tasks", "actors", "objects", "workers", "nodes", "placement-groups"];

type AskStacks = (options: StacksOptions) => Promise<readonly WorkerStack[]>;

/** Rejects when the socket cannot be made; the runtime goes on without it then. */
export async function serveState(
  tables: Pick<StateTables, "rows">,
  stacks: AskStacks,
): Promise<AsyncDisposable> {
  const path = stateSocketOf(process.pid);
  await mkdir(stateFolder(), { recursive: true, mode: 0o700 });
  const { uid, mode } = await stat(stateFolder());
  if ((mode & 0o077) !== 0 || uid !== (process.getuid?.() ?? uid)) {
    const what = `Cannot use "${stateFolder()}": found a folder of others too, wanted one of this user alone`; // invariant 1
    throw new ShoalError("PERMISSION_DENIED", what);
  }
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    const answer = (rows: Iterable<unknown>): void => {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      pipeline(Readable.from(lines(rows)), response).catch(() => undefined); // the reader went away
    };
    const timeout = /^\/stacks\?timeoutMs=(\d{1,6})$/.exec(request.url ?? "")?.[1];
    const kind = KINDS.find((known) => request.url === `/rows/${known}`);
    if (kind !== undefined) answer(tables.rows(kind));
    else if (timeout === undefined) response.writeHead(404).end();
    else void stacks({ timeoutMs: Number(timeout) }).then(answer);
  });
  server.listen(path).unref(); // invariant 2
  await once(server, "listening");
  server.on("error", () => undefined); // of one connection that could not be accepted: who asked hears of it
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await rm(path, { force: true });
    },
  };
}

function* lines(rows: Iterable<unknown>): Generator<string> {
  for (const row of rows) yield `${JSON.stringify(row)}\n`;
}
