export type { MemoryKind } from "./keys.ts";
export type { FullRelease, JsonObject, Outcome, Release, ReleaseContent } from "./release.ts";
export type * from "./requests.ts";
export { ServeStore } from "./serve-store.ts";
export { stateFolder, storePath } from "./store-path.ts";
