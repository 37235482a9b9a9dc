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
  readonly listener: "http" | "admin" | "keda";
  readonly host: string;
}

/**
 * The listeners of a config that are not on a loopback address, but for one that lets in only clients it can name; to be
 * called after flags had their say.
 */
export function exposedListeners({
  http,
  admin,
  keda,
}: Pick<ServeConfig, "http" | "admin" | "keda">): ExposedListener[] {
  const listeners: ExposedListener[] = [
    { listener: "http", host: http.host },
    { listener: "admin", host: admin.host },
    ...(keda === undefined || keda.tls?.clientCaFile !== undefined
      ? []
      : [{ listener: "keda" as const, host: keda.host }]),
  ];
  return listeners.filter(({ host }) => !isLoopback(host));
}
