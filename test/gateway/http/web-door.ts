// A door before one application, whose replica is a real HTTP server on a Unix socket.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "undici";
import { FakeReplica } from "../../support/fake-replica.ts";
import { type Door, FakeDeployment, open } from "./support.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface WebDoor extends Door {
  readonly web: FakeDeployment;
  /** The requests that the far side saw, in order. */
  readonly seen: readonly IncomingMessage[];
}

/** A door before one application, `/web`, whose replica answers by `handler`. */
export async function openWeb(handler: Handler): Promise<WebDoor> {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "shoal-test-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const seen: IncomingMessage[] = [];
  const farSide = createServer((request, response) => {
    seen.push(request);
    handler(request, response);
  });
  const socketPath = join(folder, "web.sock");
  await new Promise<void>((resolve) => farSide.listen(socketPath, resolve));
  stack.defer(() => {
    farSide.closeAllConnections();
    return new Promise<void>((resolve) => void farSide.close(() => resolve()));
  });
  const connections = new Pool("http://replica", { socketPath, headersTimeout: 0, bodyTimeout: 0 });
  stack.defer(() => connections.destroy());
  const web = new FakeDeployment("web", undefined, new FakeReplica({ connections }));
  web.signature = { inputs: [], outputs: [], batchable: false, platform: "module" };
  web.takes = { infer: false, fetch: true };
  const door = await open([web]);
  stack.use(door);
  return { ...door, web, seen, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

export const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
