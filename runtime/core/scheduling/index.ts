// Who runs where.

export type { Lease } from "./lease.ts";
export { type PlacementGroup, type PlacementGroupState } from "./placement-group.ts";
export { type PlacementStrategy } from "./plan-bundles.ts";
export { Scheduler, type Ticket } from "./scheduler.ts";
