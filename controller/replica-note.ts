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

/** Undefined for what is no note. */
export function readNote(note: unknown): ReplicaNote | undefined {
  if (!Check(Written, note)) return undefined;
  const { key, form, version, startedEpochMs } = note;
  const decoded = decodeConfig(JSON.stringify({ applications: [{ deployments: [form] }] }), { file: "/" });
  const config = decoded.kind === "ok" ? decoded.value.applications[0]?.deployments[0] : undefined;
  return config && { key, revision: { config, version }, startedEpochMs }; // invariants 1 and 2
}
