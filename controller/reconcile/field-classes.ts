// What a change of each field of a deployment's config costs. The table names every field, so a new field does not
// compile before somebody has decided.
//
// 1. Equal means equal as data: the order of keys does not matter, and an absent key is one that is undefined.

import { isDeepStrictEqual } from "node:util";
import type { DeploymentConfig } from "../config/index.ts";

/**
 * `identity`: another deployment. `light`: applied beside the replicas, which notice nothing. `reconfigure`: running
 * replicas are told. `heavy`: needs new processes.
 */
export type FieldClass = "identity" | "light" | "reconfigure" | "heavy";

export const FIELD_CLASSES = {
  name: "identity",
  // What answers say they were computed by: it must not change under a running model.
  version: "heavy",
  source: "heavy",
  resources: "heavy",
  // As in Ray Serve: replicas are where they are.
  maxReplicasPerNode: "heavy",
  placementGroup: "heavy",
  userConfig: "reconfigure",
  numReplicas: "light",
  scaling: "light",
  maxOngoingRequests: "light",
  maxQueuedRequests: "light",
  maxConstructorRetryCount: "light",
  requestTimeoutMs: "light",
  healthCheckPeriodMs: "light",
  healthCheckTimeoutMs: "light",
  gracefulShutdownTimeoutMs: "light",
  batching: "light",
  latencySloMs: "light",
  tenants: "light",
  hedgingBudget: "light",
  outliers: "light",
  rollout: "light",
  idempotent: "light",
} as const satisfies Readonly<Record<keyof DeploymentConfig, FieldClass>>;

export interface ChangedField {
  readonly field: string;
  readonly class: FieldClass;
}

export interface ConfigChange {
  /** The costliest of the fields'. */
  readonly class: FieldClass | "none";
  readonly fields: readonly ChangedField[];
}

const COSTS = ["none", "light", "reconfigure", "heavy", "identity"] as const;

/** What becomes of the replicas when `next` takes the place of `before`. */
export function classify(before: DeploymentConfig, next: DeploymentConfig): ConfigChange {
  const old: Readonly<Record<string, unknown>> = { ...before };
  const now: Readonly<Record<string, unknown>> = { ...next };
  const fields = Object.entries<FieldClass>(FIELD_CLASSES).flatMap(([field, fieldClass]): ChangedField[] =>
    isDeepStrictEqual(present(old[field]), present(now[field])) ? [] : [{ field, class: fieldClass }],
  );
  const cost = Math.max(0, ...fields.map((changed) => COSTS.indexOf(changed.class)));
  return { class: COSTS[cost] ?? "none", fields };
}

/** The fields that a change of such a class is a change of. */
export function fieldsOf(config: DeploymentConfig, wanted: FieldClass): Readonly<Record<string, unknown>> {
  const classes: Readonly<Record<string, FieldClass>> = FIELD_CLASSES;
  return Object.fromEntries(Object.entries(config).filter(([field]) => classes[field] === wanted));
}

/** Without the keys that are undefined (invariant 1). */
function present(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(present);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, present(inner)]),
  );
}
