// Which listeners other machines can reach.

import { isIPv4 } from "node:net";
import type { ServeConfig } from "./types.ts";

/** True of the names and addresses that stay on this machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost") || name === "::1") return true;
  return isIPv4(name) && name.startsWith("127.");
}

export interface ExposedListener {
  readonly listener: "http" | "admin";
  readonly host: string;
}

/** The listeners of a config that are not on a loopback address; to be called after flags had their say. */
export function exposedListeners({ http, admin }: Pick<ServeConfig, "http" | "admin">): ExposedListener[] {
  const listeners: ExposedListener[] = [
    { listener: "http", host: http.host },
    { listener: "admin", host: admin.host },
  ];
  return listeners.filter(({ host }) => !isLoopback(host));
}
