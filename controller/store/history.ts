// Decisions about an application's releases: where to go back to, which to forget. Pure.
//
// 1. Going back again goes further back, not to and fro.
// 2. The wanted release and the one to go back to are never forgotten, however many failed after them.

import type { Release } from "./release.ts";

/**
 * The release whose content to go back to: the newest that has run and is older than what is wanted, or than what
 * that went back to itself. With nothing wanted, the newest that has run. `releases` has the newest first.
 */
export function rollbackTarget(
  releases: readonly Release[],
  wanted: number | undefined,
): Release | undefined {
  const standing = releases.find(({ number }) => number === wanted);
  const before = standing?.rollback?.to ?? standing?.number ?? Number.POSITIVE_INFINITY; // invariant 1
  return releases.find(({ number, outcome }) => number < before && outcome.kind === "running");
}

/** The number that stands for a release's content: its own, or that of the release it went back to. */
export function originOf({ number, rollback }: Release): number {
  return rollback?.to ?? number;
}

/** What goes when the newest `keep` are kept; `releases` has the newest first. */
export function forgettable(
  releases: readonly Release[],
  wanted: number | undefined,
  keep: number,
): readonly Release[] {
  const target = rollbackTarget(releases, wanted);
  return releases.slice(keep).filter(({ number }) => number !== wanted && number !== target?.number); // invariant 2
}
