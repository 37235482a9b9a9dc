// Where deployments stand between versions: one value a deployment, replaced as it goes on. What it says is its
// writer's; one that is damaged or lost costs a rollout its way back, never the deployment.

import type { Change, KeyValue } from "../../runtime/cluster/index.ts";
import { applicationOf, MEMORY_PREFIX, memoryKey } from "./keys.ts";
import { decodeSettings, encode, type JsonObject } from "./release.ts";

/** By deployment; undefined for what cannot be read. */
export async function readMemories(keyValue: KeyValue): Promise<Map<string, JsonObject | undefined>> {
  const { entries } = await keyValue.list(MEMORY_PREFIX);
  return new Map(
    entries.map((entry) => {
      try {
        return [applicationOf(entry.key), decodeSettings(entry)] as const;
      } catch {
        return [applicationOf(entry.key), undefined] as const;
      }
    }),
  );
}

/** Undefined forgets. */
export async function writeMemory(
  keyValue: KeyValue,
  deployment: string,
  memory: JsonObject | undefined,
): Promise<void> {
  const key = memoryKey(deployment);
  const change: Change =
    memory === undefined ? { kind: "delete", key } : { kind: "put", key, value: encode(memory) };
  await keyValue.commit([change]);
}
