export { type ExposedListener, exposedListeners, isLoopback } from "./exposure.ts";
export { toFileForm } from "./file-form.ts";
export { configJsonSchema } from "./json-schema.ts";
export { type DecodeConfigOptions, decodeConfig, loadConfig } from "./load.ts";
export type { ServeFile } from "./schema.ts";
export type { ModuleEngineOptions, OnnxEngineOptions } from "./schema-engine.ts";
export type * from "./types.ts";
