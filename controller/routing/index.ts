export type { GatewayEvent, GatewayLoad, GatewayPort, KnownRoutes } from "./gateway-port.ts";
export { LoadCounts } from "./load-counts.ts";
export { RoutePublisher } from "./publisher.ts";
export { Routed } from "./routed.ts";
export type { DeploymentEntry, ReplicaEntry, RouteEntry, RouteUpdate } from "./route-table.ts";
export { type ServiceLine, serviceLineOf } from "./service-line.ts";
