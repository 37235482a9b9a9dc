// Where a deployment stands between versions, as the store keeps it, and back: so that a server that was killed goes on
// with the version that has proven itself, and does not try again what has failed.
//
// 1. Kept in the form of the file, so a later Shoal decodes it with its own defaults, or not at all.
// 2. A version is recalled only when it would be the same again: also the files that its config names.
// 3. Somebody who starts the server with another config wants that one, not the last good one first.
// 4. What failed and never had a good version before it is tried again: a restart is one way to ask for it.

import { type Static, Type } from "typebox";
import { Check } from "typebox/value";
import { decodeConfig, type DeploymentConfig, deploymentForm } from "../config/index.ts";
import { FIRST_MEMORY, keyOf, type LastingMemory, type Revision, revisionOf } from "../reconcile/index.ts";
import type { JsonObject } from "../store/index.ts";
import { contentsOf } from "./contents.ts";

const Failure = Type.Object({
  replicaId: Type.String(),
  during: Type.Enum(["allocation", "start", "run", "check", "reconfigure"]),
  ranMs: Type.Optional(Type.Number()),
  message: Type.String(),
  logLines: Type.Array(Type.String()),
  permanent: Type.Boolean(),
});

/** Tolerant of keys that a later version adds. */
const Kept = Type.Object({
  nextReplica: Type.Integer({ minimum: 0 }),
  good: Type.Optional(
    Type.Object({ form: Type.Record(Type.String(), Type.Unknown()), heavy: Type.String() }),
  ),
  failed: Type.Optional(
    Type.Object({
      key: Type.String(),
      generation: Type.Integer(),
      failures: Type.Integer(),
      failure: Failure,
    }),
  ),
});
type Kept = Static<typeof Kept>;

/** What the store is to keep. */
export function keep({ course, nextReplica }: LastingMemory): JsonObject {
  const good = "good" in course ? course.good : undefined;
  return {
    nextReplica,
    ...(good === undefined ? {} : { good: { form: deploymentForm(good.config), heavy: good.version.heavy } }),
    ...(course.kind === "ROLLED_BACK" ? { failed: keepFailed(course.failed) } : {}),
  };
}

type FailedAttempt = Extract<LastingMemory["course"], { kind: "ROLLED_BACK" }>["failed"];

function keepFailed({ revision, generation, failures, failure }: FailedAttempt): NonNullable<Kept["failed"]> {
  const { replicaId, during, ranMs, message, logLines, permanent } = failure;
  return {
    key: keyOf(revision),
    generation,
    failures,
    failure: {
      replicaId,
      during,
      message,
      logLines: [...logLines],
      permanent,
      ...(ranMs === undefined ? {} : { ranMs }),
    },
  };
}

export interface Wanted {
  readonly config: DeploymentConfig;
  readonly contents: string;
  readonly generation: number;
  /** It was deployed by this very start. */
  readonly fresh: boolean;
}

/** What of it holds for what is wanted now; undefined when nothing does. */
export async function recall(kept: JsonObject, wanted: Wanted): Promise<LastingMemory | undefined> {
  if (!Check(Kept, kept)) return undefined;
  const { nextReplica, failed } = kept;
  const good = kept.good === undefined ? undefined : await revisionAgain(kept.good);
  if (good === undefined) return { course: FIRST_MEMORY.course, nextReplica }; // invariant 4
  const target = revisionOf(wanted.config, wanted.contents);
  if (wanted.fresh && keyOf(good) !== keyOf(target)) return { course: FIRST_MEMORY.course, nextReplica }; // 3
  if (failed?.key !== keyOf(target) || failed.generation !== wanted.generation) {
    return { course: { kind: "STEADY", good }, nextReplica };
  }
  const { generation, failures, failure } = failed;
  const told = { ...failure, ranMs: failure.ranMs, atMs: 0 };
  const attempt = { revision: target, generation, failures, failure: told };
  return { course: { kind: "ROLLED_BACK", good, failed: attempt }, nextReplica };
}

/** Invariant 2. */
async function revisionAgain({ form, heavy }: NonNullable<Kept["good"]>): Promise<Revision | undefined> {
  const decoded = decodeConfig(JSON.stringify({ applications: [{ deployments: [form] }] }), { file: "/" });
  const config = decoded.kind === "ok" ? decoded.value.applications[0]?.deployments[0] : undefined;
  if (config === undefined) return undefined;
  const { hash, missing } = await contentsOf(config.source);
  const revision = revisionOf(config, hash);
  return missing || revision.version.heavy !== heavy ? undefined : revision;
}
