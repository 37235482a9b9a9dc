export { batchCapacity, feasibleRows, singleCapacity } from "./capacity.ts";
export { LatencyModel, type ServiceTimes } from "./latency-model.ts";
export type { ServiceTime } from "./service-time-fit.ts";
