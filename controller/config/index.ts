export { DEFAULTS } from "./defaults.ts";
export { exposedListeners, isLoopback } from "./exposure.ts";
export { type LayeredConfig, loadLayers } from "./layers.ts";
export { applicationForm, deploymentForm, toFileForm } from "./file-form.ts";
export { configJsonSchema } from "./json-schema.ts";
export { decodeConfig, decodeFile, loadConfig } from "./load.ts";
export type * from "./types-traffic.ts";
export { normalise } from "./normalise.ts";
export type * from "./types.ts";
