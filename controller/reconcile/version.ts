// The versions of a deployment: hashes of its config by what a change costs, and of what the config names.
//
// 1. Two configs have the same hash of a class exactly when `classify` finds no difference of that class.

import { createHash } from "node:crypto";
import type { DeploymentConfig } from "../config/index.ts";
import { type FieldClass, fieldsOf } from "./field-classes.ts";

export interface DeploymentVersion {
  /** Of all that needs new processes. */
  readonly heavy: string;
  /** Of what running replicas are told. */
  readonly reconfigure: string;
  /** Of the rest. */
  readonly light: string;
}

/** A config with its version: what replicas are started from, and what a rollout goes to or back to. Plain data. */
export interface Revision {
  readonly version: DeploymentVersion;
  readonly config: DeploymentConfig;
}

/**
 * Computed once when a config is accepted, never in `plan`. `contents` stands for what the config only names, such
 * as a hash of the module's files: when it changes, the version does.
 */
export function revisionOf(config: DeploymentConfig, contents = ""): Revision {
  const hash = (wanted: FieldClass, salt: string): string => {
    return createHash("sha256")
      .update(canonical(fieldsOf(config, wanted)))
      .update(salt)
      .digest("hex")
      .slice(0, HASH_DIGITS);
  };
  return {
    config,
    version: {
      heavy: hash("heavy", contents),
      reconfigure: hash("reconfigure", ""),
      light: hash("light", ""),
    },
  };
}

/** What a replica is of: equal for replicas that compute the same. */
export function keyOf({ version }: Revision): string {
  return `${version.heavy}.${version.reconfigure}`;
}

/** For people and logs. */
export function shortVersion({ version }: Revision): string {
  return `${version.heavy.slice(0, 7)}.${version.reconfigure.slice(0, 4)}`;
}

const HASH_DIGITS = 24;

/** JSON with sorted keys and without what is undefined. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "number") return String(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const entries = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}
