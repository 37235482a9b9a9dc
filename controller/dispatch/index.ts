export { neverConnected } from "./response-collector.ts";
export {
  type Claim,
  type DispatchPolicy,
  PRIORITIES,
  type Priority,
  type TenantPolicy,
} from "./policy.ts";
export { Dispatcher, type DispatcherOptions } from "./dispatcher.ts";
export type { Ejection, OutlierCount } from "./ejector.ts";
export { ReplicaClient } from "./replica-client.ts";
export type { ReplicaLink } from "./replica-link.ts";
export {
  type FetchWork,
  type InferResult,
  type InferWork,
  joinKey,
  NotDelivered,
  type Ticket,
  type Work,
} from "./request.ts";
export type { LoadSink } from "./ledger.ts";
export { addSnapshots, type DurationStat, type StatsSnapshot } from "./stats.ts";
