export { neverConnected } from "./response-collector.ts";
export { type DispatchPolicy } from "./decide.ts";
export { Dispatcher, type DispatcherOptions } from "./dispatcher.ts";
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
export type { DurationStat } from "./stats.ts";
