// Where a listener can be reached, and why it cannot be opened.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:net";
import { messageOf, ShoalError, systemCodeOf } from "../runtime/base/index.ts";

/** The URL of a server that listens on a port of `host`. */
export function urlOf(server: Server, host: string): string {
  const address = server.address();
  assert(typeof address === "object" && address !== null, "it listens on a port");
  return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}

/** Throws INVALID_CONFIG when nothing can listen there now. */
export async function checkPort(address: Address, key: string): Promise<void> {
  await listening(address, key, () => tryPort(address));
}

/** Rejects with the system's error when nothing can listen there now. */
export async function tryPort({ host, port }: Address): Promise<void> {
  const probe = createServer();
  probe.listen({ host, port, exclusive: true });
  await once(probe, "listening");
  probe.close();
  await once(probe, "close");
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Opens a listener; throws INVALID_CONFIG with what is wrong with its address, which the config has under `key`. */
export async function listening<T>(
  { host, port }: Address,
  key: string,
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (thrown) {
    const code = systemCodeOf(thrown);
    const what =
      code === "EADDRINUSE"
        ? "the port is in use by another process"
        : code === "EACCES"
          ? "no permission for this port"
          : code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
            ? "this machine has no such address"
            : messageOf(thrown);
    throw new ShoalError("INVALID_CONFIG", `Cannot listen on ${host}:${port} (${key}): ${what}`, {
      cause: thrown,
    });
  }
}
