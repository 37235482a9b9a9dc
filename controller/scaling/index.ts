export { DemandWatch } from "./demand-watch.ts";
export type { ExternalTarget } from "./external-target.ts";
export { objectiveFault } from "./objective-fault.ts";
export { KnownService } from "./known-service.ts";
export { LoadMeter } from "./load-meter.ts";
export { Scaling, type ScalingStatus } from "./scaling.ts";
