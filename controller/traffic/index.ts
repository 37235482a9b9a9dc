export { differenceOf } from "./compare.ts";
export type { StoredTraffic } from "./lasting.ts";
export { TrafficRouter } from "./router.ts";
export type { TrafficStatus } from "./status.ts";
export { SLOTS, type TableShadow, type TrafficTable } from "./table.ts";
export { addReports, type TrafficReport, type VersionOutcome } from "./tally.ts";
export { Traffic } from "./traffic.ts";
export { versionView } from "./version-view.ts";
