// Values as bytes, and the objects that are too large for messages.

export { decodeValue, type DecodeOptions, type EncodedValue, encodeValue } from "./encode.ts";
export { canMap } from "./mapping.ts";
export { markHandle, markReference } from "./marks.ts";
export { ObjectStore, type ObjectStoreStats } from "./object-store.ts";
export { type ObjectFolders, SharedMemoryFolder } from "./shared-memory.ts";
