// Values as bytes, and the objects that are too large for messages.

export { noteModule } from "./arrow-tables.ts";
export { collectGarbage, type Generation } from "./collect.ts";
export { CollectPolicy } from "./collect-policy.ts";
export { decodeValue, encodeValue } from "./encode.ts";
export { markHandle, markReference } from "./marks.ts";
export { ObjectStore } from "./object-store.ts";
export { Regions } from "./regions.ts";
export { type ObjectFolders, SharedMemoryFolder, writeInto } from "./shared-memory.ts";
