// Where a listener can be reached.

import assert from "node:assert/strict";
import type { Server } from "node:http";

/** The URL of a server that listens on a port of `host`. */
export function urlOf(server: Server, host: string): string {
  const address = server.address();
  assert(typeof address === "object" && address !== null, "it listens on a port");
  return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}
