export type { ApplicationContexts, PolicyContext } from "./autoscale/index.ts";
export * from "./catalog.ts";
export * from "./config/index.ts";
export { Controller, type ControllerOptions } from "./controller.ts";
export { Ground, REPLICAS } from "./ground.ts";
export * from "./deploys/index.ts";
export type { NodeView } from "./nodes.ts";
export {
  addSnapshots,
  type Claim,
  Dispatcher,
  type DurationStat,
  type OutlierCount,
  type InferResult,
  type InferWork,
  joinKey,
  neverConnected,
  NotDelivered,
  PRIORITIES,
  type Priority,
  type ReplicaLink,
  type StatsSnapshot,
  type Ticket,
  type Work,
} from "./dispatch/index.ts";
export {
  addReports,
  differenceOf,
  SLOTS,
  type TableShadow,
  TrafficRouter,
  type TrafficReport,
  type TrafficStatus,
  type TrafficTable,
  type VersionOutcome,
} from "./traffic/index.ts";
export {
  type GatewayEvent,
  type GatewayLoad,
  type GatewayPort,
  type KnownRoutes,
  Routed,
  type RouteUpdate,
} from "./routing/index.ts";
export { DemandWatch, objectiveFault } from "./scaling/index.ts";
export { type Asked, type Release, stateFolder, storePath } from "./store/index.ts";
