export { Gateways } from "./gateways.ts";
export { GATEWAYS } from "./module.ts";
export { EventQueue } from "./event-queue.ts";
