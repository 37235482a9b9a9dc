// The gateway's table out of what is wanted and what is remembered.

import type { TrafficConfig } from "../config/index.ts";
import type { TrafficMemory } from "./plan.ts";
import { SLOTS, type TrafficTable } from "./table.ts";

export function tableOf(
  config: TrafficConfig,
  memory: TrafficMemory,
  { application, revision }: { readonly application: string; readonly revision: number },
): TrafficTable {
  const { versions, model, sticky } = config;
  const names = versions.map(({ deployment }) => deployment);
  const stable = names.indexOf(config.stable);
  return {
    application,
    model: model ?? null,
    revision,
    stable,
    versions: names.map((deployment, index) => ({
      deployment,
      answers: memory.troubled[deployment] === undefined ? index : stable,
    })),
    slots: memory.slots.map(({ deployment, length }) => ({ version: names.indexOf(deployment), length })),
    rules: versions.flatMap(({ match }, version) => match.map((rule) => ({ ...rule, version }))),
    sticky,
    shadows: versions.flatMap(({ shadow }, version) => {
      if (shadow === undefined) return [];
      const { percent, relativeTolerance, absoluteTolerance, maxOngoingRequests } = shadow;
      const parts = Math.round((percent * SLOTS) / 100);
      return [{ version, parts, relativeTolerance, absoluteTolerance, maxOngoingRequests }];
    }),
  };
}
