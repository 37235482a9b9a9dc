export type { FullRelease, JsonObject, Outcome, Release, ReleaseContent } from "./release.ts";
export type { Settlement } from "./release-log.ts";
export type * from "./requests.ts";
export { ServeStore, type ServeStoreOptions } from "./serve-store.ts";
export { type StateEnvironment, stateFolder, storePath } from "./store-path.ts";
