// How V8 counts memory that is not its own: every 64 MiB of it, mapped files too, have it collect garbage, be it busy or not.
// With this flag such memory is part of the limit that the heap's own growth has, and grows with it. It is set for
// the whole process when the first object is mapped, and collections are a fifth then.

import { setFlagsFromString } from "node:v8";

/** The V8 of Node 26; one that does not know the flag would print that. */
const KNOWN = /^14\./;

let isSet = false;

export function countExternalMemoryAsHeap(): void {
  if (isSet) return;
  isSet = true;
  if (KNOWN.test(process.versions.v8)) setFlagsFromString("--external-memory-accounted-in-global-limit");
}
