export * from "./clock.ts";
export * from "./datatypes.ts";
export * from "./errors.ts";
export * from "./make-folder.ts";
export * from "./memory.ts";
export * from "./tensor.ts";
export * from "./wire.ts";
export * from "./version.ts";
