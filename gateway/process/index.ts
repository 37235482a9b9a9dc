export { Gateways } from "./gateways.ts";
export { EventQueue } from "./event-queue.ts";
