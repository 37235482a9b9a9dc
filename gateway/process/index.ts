export { Gateways } from "./gateways.ts";
