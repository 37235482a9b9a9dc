// Two CPUs reserved together, and tasks that run in them and nowhere else.

import { Runtime } from "shoal/core";

await using runtime = await Runtime.start({ numCpus: 4 });
const work = runtime.tasks<typeof import("./work.ts")>(new URL("./work.ts", import.meta.url));

const placementGroup = await runtime.createPlacementGroup({
  bundles: [{ numCpus: 1 }, { numCpus: 1 }],
  strategy: "PACK",
});
await placementGroup.ready({ timeoutMs: 10_000 });
const inside = work.countPrimes.options({ schedulingStrategy: { placementGroup } });
console.log(await runtime.get([inside(100), inside(1_000)]));
await placementGroup.remove();
