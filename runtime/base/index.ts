export * from "./clock.ts";
export * from "./config/index.ts";
export * from "./datatypes.ts";
export * from "./errors.ts";
export * from "./log.ts";
export * from "./tensor.ts";
export * from "./wire.ts";
export * from "./version.ts";
