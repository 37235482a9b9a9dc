// Numbers of replicas that somebody asked for in place of the config's: one value a deployment.

import { type Static, Type } from "typebox";
import { Check } from "typebox/value";
import type { Change, KeyValue } from "../../runtime/cluster/index.ts";
import { applicationOf, SCALE_PREFIX, scaleKey } from "./keys.ts";
import { decodeSettings, encode } from "./release.ts";

const Scale = Type.Object({
  replicas: Type.Integer({ minimum: 0 }),
  /** The config's own number at that time: with another one, this no longer holds. */
  insteadOf: Type.Integer({ minimum: 0 }),
  author: Type.String(),
  atEpochMs: Type.Number(),
});
export type Scale = Static<typeof Scale>;

/** By deployment; what cannot be read is left out: the config's number holds then. */
export async function readScales(keyValue: KeyValue): Promise<Map<string, Scale>> {
  const { entries } = await keyValue.list(SCALE_PREFIX);
  return new Map(
    entries.flatMap((entry): [string, Scale][] => {
      try {
        const scale: unknown = decodeSettings(entry);
        return Check(Scale, scale) ? [[applicationOf(entry.key), scale]] : [];
      } catch {
        return [];
      }
    }),
  );
}

/** Undefined forgets. */
export async function writeScale(
  keyValue: KeyValue,
  deployment: string,
  scale: Scale | undefined,
): Promise<void> {
  const key = scaleKey(deployment);
  const change: Change =
    scale === undefined ? { kind: "delete", key } : { kind: "put", key, value: encode({ ...scale }) };
  await keyValue.commit([change]);
}
