export { Chooser, type RequestHeaders } from "./chooser.ts";
export { differenceOf } from "./compare.ts";
export type { CopyOutcome, Meter } from "./meter.ts";
export type { VersionView } from "./plan.ts";
export { TrafficRouter } from "./router.ts";
export type { TrafficStatus } from "./status.ts";
export type { TableShadow, TrafficTable } from "./table.ts";
export type { Outcome, TrafficReport } from "./tally.ts";
export { Traffic } from "./traffic.ts";
