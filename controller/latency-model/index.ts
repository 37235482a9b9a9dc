export { batchCapacity, type CapacityOptions, feasibleRows, singleCapacity } from "./capacity.ts";
export { LatencyModel, type LatencyModelOptions, type ServiceTimes } from "./latency-model.ts";
export type { ServiceTime } from "./service-time-fit.ts";
