// A value that a worker has sent, or wrote to a file of its own, as an object's state.

import type { Parts } from "../api/core.ts";
import type { ObjectStore } from "../objects/index.ts";
import type { Id, WireValue } from "../workers/messages.ts";
import type { ObjectState } from "./object-directory.ts";
import type { Worker } from "./worker.ts";

export interface Sent {
  readonly object: Id;
  readonly value: WireValue;
  readonly parts: Parts;
}

/** A file is the store's from here on. */
export function stateOf(store: ObjectStore, worker: Worker, { object, value, parts }: Sent): ObjectState {
  if (typeof value === "number") return { kind: "INLINE", parts };
  store.adopt(object, value.fileBytes, worker.pid);
  return { kind: "STORED", fileBytes: value.fileBytes };
}
