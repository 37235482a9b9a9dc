export { WEB_URL } from "./data-server.ts";
export type { Replica, ReplicaInfo, ReplicaSpec } from "./replica.ts";

/** The module whose `Replica` a process actor runs. */
export const REPLICA_MODULE = new URL(
  import.meta.url.endsWith(".ts") ? "./replica.ts" : "./replica.js",
  import.meta.url,
);
