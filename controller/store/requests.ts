// What the store of applications can be asked to change, and what it says then.

import type { ShoalError } from "../../runtime/base/index.ts";
import type { FullRelease, JsonObject, Release, ReleaseContent } from "./release.ts";

export interface Asked {
  /** Who asks, in the words of whoever took the request; 1,000 characters are kept. */
  readonly author: string;
  /** Where from: a config file's path, or the request; 1,000 characters are kept. */
  readonly source: string;
}

export interface ApplyRequest extends Asked {
  /** A new release of each. */
  readonly deploy?: ReadonlyMap<string, ReleaseContent>;
  /** Applications that are wanted no more; those that are not there, or are deployed too, are passed over. */
  readonly remove?: readonly string[];
  /** What of the config is the server's; the last is kept when there is none. */
  readonly settings?: JsonObject;
  /** Per application the release it was decided on, 0 for none; those not named are not compared. */
  readonly onTopOf?: ReadonlyMap<string, number>;
}

export type ApplyOutcome =
  | { readonly kind: "applied"; readonly releases: readonly Release[] }
  /** Nothing was written: `wanted` (0: none) is another release than the one it was decided on. */
  | { readonly kind: "conflict"; readonly application: string; readonly wanted: number };

export interface RollbackRequest extends Asked {
  /** A release by number, instead of the last good one. */
  readonly to?: number;
  /** Why the wanted release failed; noted with it, in the same commit. */
  readonly failure?: string;
}

export type RollbackOutcome =
  | { readonly kind: "rolled back"; readonly release: FullRelease }
  /** There is no release to go back to, or none of that number. */
  | { readonly kind: "no target" };

/** What an application is to be after a restart. */
export type CurrentApplication =
  | {
      readonly kind: "wanted";
      readonly application: string;
      readonly wanted: FullRelease;
      /** Where to go back to when what is wanted has not run yet: the last good release. */
      readonly good: FullRelease | undefined;
    }
  /** What is stored of this one is damaged (STORE_CORRUPT); the others are not touched by it. */
  | { readonly kind: "unreadable"; readonly application: string; readonly error: ShoalError };
