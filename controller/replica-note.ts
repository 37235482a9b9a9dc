// What a controller notes with each replica that it starts, so that one that takes its place knows the replica again.
//
// 1. A config is noted in the form of the file and decoded again: what is read is checked as any config is.
// 2. The version is noted as it was: the files that the config names may have changed since, the replica has not.

import { type Static, Type } from "typebox";
import { Check } from "typebox/value";
import { decodeConfig, deploymentForm } from "./config/index.ts";
import type { Revision } from "./reconcile/index.ts";

export interface ReplicaNote {
  /** Of its deployment: see `routing/route-table.ts`. */
  readonly key: string;
  /** What it was started from, or last reconfigured to. */
  readonly revision: Revision;
  /** When it was asked for. */
  readonly startedEpochMs: number;
}

const Written = Type.Object({
  key: Type.String(),
  form: Type.Record(Type.String(), Type.Unknown()),
  version: Type.Object({ heavy: Type.String(), reconfigure: Type.String(), light: Type.String() }),
  startedEpochMs: Type.Number(),
});

/** Plain JSON. */
export function writeNote({ key, revision, startedEpochMs }: ReplicaNote): Static<typeof Written> {
  const { config, version } = revision;
  return { key, form: deploymentForm(config), version: { ...version }, startedEpochMs };
}

/** Reads what `writeNote` wrote; notes of one revision share it. */
export class NoteReader {
  readonly #known = new Map<string, Revision>();

  /** Undefined for what is no note. */
  read(note: unknown): ReplicaNote | undefined {
    if (!Check(Written, note)) return undefined;
    const { key, startedEpochMs } = note;
    const revision = this.#revision(note);
    return revision && { key, revision, startedEpochMs };
  }

  #revision({ form, version }: Static<typeof Written>): Revision | undefined {
    const text = JSON.stringify({ form, version });
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const decoded = decodeConfig(JSON.stringify({ applications: [{ deployments: [form] }] }), { file: "/" });
    const config = decoded.kind === "ok" ? decoded.value.applications[0]?.deployments[0] : undefined;
    if (config === undefined) return undefined;
    const revision = { config, version }; // invariants 1 and 2
    this.#known.set(text, revision);
    return revision;
  }
}
