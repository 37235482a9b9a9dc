// Answers other processes of the same user about the runtime: `shoal list`, `summary`, `timeline`.
//
//   GET /rows/<kind>      one JSON row a line
//
// 1. The socket lies in a folder that only its user can enter.
// 2. It keeps no process alive, and is removed at shutdown.

import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { RowKind } from "../state/index.ts";
import { stateFolder, stateSocketOf } from "../state/state-client.ts";
import type { StateTables } from "./state-tables.ts";

const KINDS: readonly RowKind[] = ["tasks", "actors", "objects", "workers", "nodes", "placement-groups"];

/** Rejects when the socket cannot be made; the runtime goes on without it then. */
export async function serveState(tables: StateTables): Promise<AsyncDisposable> {
  const path = stateSocketOf(process.pid);
  await mkdir(stateFolder(), { recursive: true, mode: 0o700 }); // invariant 1
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    const kind = KINDS.find((known) => request.url === `/rows/${known}`);
    if (kind === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    pipeline(Readable.from(lines(tables.rows(kind))), response).catch(() => undefined); // the reader went away
  });
  server.listen(path).unref(); // invariant 2
  await once(server, "listening");
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
