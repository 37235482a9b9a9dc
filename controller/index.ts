export * from "./catalog.ts";
export * from "./config/index.ts";
export { Controller, type ControllerOptions } from "./controller.ts";
export {
  Dispatcher,
  type DurationStat,
  type InferResult,
  joinKey,
  neverConnected,
  NotDelivered,
  type ReplicaLink,
  type Ticket,
  type Work,
} from "./dispatch/index.ts";
