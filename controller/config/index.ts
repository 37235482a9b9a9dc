export { exposedListeners, isLoopback } from "./exposure.ts";
export { toFileForm } from "./file-form.ts";
export { configJsonSchema } from "./json-schema.ts";
export { decodeConfig, loadConfig } from "./load.ts";
export type * from "./types-traffic.ts";
export type * from "./types.ts";
