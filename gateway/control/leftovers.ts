// What a controller's process left that died before the server had begun: nobody was told of it, so it is ended, and the next
// one begins as the first.

import { REPLICAS } from "../../controller/index.ts";
import type { Runtime } from "../../runtime/core/index.ts";
import { GATEWAYS } from "../process/index.ts";

const ALL = { limit: Number.MAX_SAFE_INTEGER };

/** Resolves when all of it is gone: its ports too are free then. */
export async function endLeftovers(runtime: Runtime): Promise<void> {
  const { rows: actors } = await runtime.list("actors", ALL);
  await Promise.all(
    actors.map(async ({ name, namespace, state }) => {
      if (name === null || state === "DEAD" || (namespace !== REPLICAS && namespace !== GATEWAYS)) return;
      await runtime.stop({ name, namespace }, { graceMs: 0 }).catch(() => undefined); // it may have ended meanwhile
    }),
  );
  const { rows: groups } = await runtime.list("placement-groups", ALL);
  await Promise.all(
    groups.map(async ({ name, namespace, state }) => {
      if (name === null || namespace !== REPLICAS || state === "REMOVED") return;
      const group = await runtime.getPlacementGroup(name, REPLICAS);
      await group.remove();
    }),
  );
}
