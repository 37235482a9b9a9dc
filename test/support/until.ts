// Waiting for what has no event: looks once a turn of the event loop, so that nothing depends on time.

import { setImmediate } from "node:timers/promises";

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}
