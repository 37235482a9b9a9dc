export { DemandWatch } from "./demand-watch.ts";
export type { ExternalTarget } from "./external-target.ts";
export { objectiveFault } from "./objective-fault.ts";
export { Scaling, type ScalingStatus } from "./scaling.ts";
