export type { GatewayEvent, GatewayLoad, GatewayPort, KnownRoutes, ServiceLine } from "./gateway-port.ts";
export { LoadCounts } from "./load-counts.ts";
export { RoutePublisher } from "./publisher.ts";
export { Routed } from "./routed.ts";
export type { DeploymentEntry, ReplicaEntry, RouteEntry, RouteUpdate } from "./route-table.ts";
