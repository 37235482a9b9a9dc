// What can be asked of the deploys of a running server, and what they answer.

import type { ConfigOutcome } from "../../runtime/base/config/index.ts";
import type { Asked, Release } from "../store/index.ts";
import type { ApplicationChange } from "./difference.ts";

export type Faults = Extract<ConfigOutcome<never>, { readonly kind: "faults" }>["faults"];

/** A config as somebody gave it. */
export interface Given {
  /** YAML or JSON. */
  readonly text: string | Uint8Array;
  /** Its name in faults. */
  readonly file: string;
  /** Absolute; what relative paths start from: one for all, or one an application, in their order. */
  readonly directory: string | readonly string[];
}

export interface DeployRequest extends Asked, Given {
  /** Only say what would change. */
  readonly dryRun?: boolean;
  /** Whether what has failed and is asked for unchanged is tried again. Default true. */
  readonly retry?: boolean;
}

/** Nothing was written and nothing changes. */
export interface Refused {
  readonly kind: "refused";
  readonly faults: Faults;
}

export type DeployOutcome =
  | Refused
  | {
      /** It is in the store. */
      readonly kind: "accepted";
      readonly applications: readonly AcceptedChange[];
      /** What of it does not take place now. */
      readonly notes: readonly string[];
    };

/** `release` is the one that is wanted now; undefined when it was removed, and of one that a dry run would add. */
export type AcceptedChange = ApplicationChange & { readonly release: number | undefined };

export interface ScaleAsked {
  readonly replicas: number;
  readonly author: string;
}

export type ScaleAnswer =
  | { readonly kind: "scaled"; readonly from: number }
  /** No such application, or it has no such deployment. */
  | { readonly kind: "unknown"; readonly what: "application" | "deployment" }
  /** Its config does not let anybody. */
  | { readonly kind: "not enabled" };

export interface RollbackAsked extends Asked {
  /** A release by number, instead of the last good one. */
  readonly to?: number;
}

export type RollbackAnswer =
  | Refused
  | { readonly kind: "rolled back"; readonly release: Release; readonly change: ApplicationChange }
  | { readonly kind: "no target" };
