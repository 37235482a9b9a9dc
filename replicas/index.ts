export { ANSWER_REGION, AnswerRegion } from "./answer-region.ts";
export { UNREADABLE } from "./batch-elements.ts";
export { BODY_REGION, BodyRegion, placeOf } from "./body-region.ts";
export { AT_ONCE, WEB_URL } from "./data-server.ts";
export type { AtOnce } from "./turns.ts";
export { RegionPool } from "./region-pool.ts";
export { REGION } from "./shared-region.ts";
export type { ReplicaInfo, ReplicaSpec } from "./replica.ts";
export { readReplicaRecord, type ReplicaRecord, removeReplicaRecord } from "./replica-record.ts";

/** The module with the class whose instances replicas are, for `runtime.actors`. */
export type ReplicaModule = typeof import("./replica.ts");
export const REPLICA_MODULE = new URL(
  import.meta.url.endsWith(".ts") ? "./replica.ts" : "./replica.js",
  import.meta.url,
);
