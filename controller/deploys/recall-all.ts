// Where every deployment stood, out of what the store remembers.

import type { LastingMemory } from "../reconcile/index.ts";
import type { DesiredState } from "./desired-state.ts";
import { generationOf } from "./generation.ts";
import { recall } from "./recall.ts";
import type { Standing } from "./standing.ts";

/** By deployment; without those of which nothing holds any more. `standing` is by application. */
export async function recallAll(
  { applications, memories }: DesiredState,
  standing: ReadonlyMap<string, Standing>,
): Promise<ReadonlyMap<string, LastingMemory>> {
  const known = new Map(applications.map(({ release }) => [release.application, release.number]));
  const found = await Promise.all(
    [...standing.values()].flatMap(({ config, contents, release }) =>
      config.deployments.map(async (deployment): Promise<[string, LastingMemory][]> => {
        const kept = memories.get(deployment.name);
        if (kept === undefined) return [];
        const memory = await recall(kept, {
          config: deployment,
          contents: contents.get(deployment.name) ?? "",
          generation: generationOf(release),
          fresh: known.get(config.name) !== release.number,
        });
        return memory === undefined ? [] : [[deployment.name, memory]];
      }),
    ),
  );
  return new Map(found.flat());
}
