export type { RequestHeaders } from "./chooser.ts";
export { differenceOf } from "./compare.ts";
export type { CopyOutcome } from "./meter.ts";
export { TrafficRouter } from "./router.ts";
export type { TrafficStatus, VersionStatus } from "./status.ts";
export { SLOTS, type TableShadow, type TrafficTable } from "./table.ts";
export { addReports, type TrafficReport, type VersionOutcome } from "./tally.ts";
export { Traffic } from "./traffic.ts";
export { versionView } from "./version-view.ts";
