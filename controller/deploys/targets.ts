// Numbers of replicas that load has asked for, over the server's end: one that is started again under load begins with as many
// as it had. With less load they are fewer soon, as ever.

import { type Static, Type } from "typebox";
import { Check } from "typebox/value";
import type { JsonObject } from "../store/index.ts";

/** Tolerant of keys that a later version adds. */
const Target = Type.Object({ replicas: Type.Integer({ minimum: 0 }) });

export function keepTarget(replicas: number): Static<typeof Target> {
  return { replicas };
}

/** As the store has them; what cannot be read is left out: the config's number holds then. */
export function targetsOf(
  memories: ReadonlyMap<string, JsonObject | undefined>,
): ReadonlyMap<string, number> {
  return new Map(
    [...memories].flatMap(([name, memory]): [string, number][] =>
      Check(Target, memory) ? [[name, memory.replicas]] : [],
    ),
  );
}
