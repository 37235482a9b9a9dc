// Where deployments stand between versions, and applications' traffic between steps: one value each, replaced as it goes
// on. What it says is its writer's; one that is damaged or lost costs a rollout its way back, never what is served.

import type { Change, KeyValue } from "../../runtime/cluster/index.ts";
import { applicationOf, MEMORY_PREFIXES, type MemoryKind, memoryKey } from "./keys.ts";
import { decodeSettings, encode, type JsonObject } from "./release.ts";

/** By name; undefined for what cannot be read. */
export async function readMemories(
  keyValue: KeyValue,
  kind: MemoryKind,
): Promise<Map<string, JsonObject | undefined>> {
  const { entries } = await keyValue.list(MEMORY_PREFIXES[kind]);
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
  { kind, name }: { readonly kind: MemoryKind; readonly name: string },
  memory: JsonObject | undefined,
): Promise<void> {
  const key = memoryKey(kind, name);
  const change: Change =
    memory === undefined ? { kind: "delete", key } : { kind: "put", key, value: encode(memory) };
  await keyValue.commit([change]);
}
