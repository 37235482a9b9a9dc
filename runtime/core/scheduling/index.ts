// Who runs where.

export type { Lease } from "./lease.ts";
export { Scheduler, type Ticket } from "./scheduler.ts";
