// Forgetting what is older than is kept, after something newer was written.
//
// 1. What is wanted, and where it would go back to, is never forgotten (history.ts).
// 2. An application that was removed goes as a whole, in one commit, and only if nobody deployed it meanwhile.

import { type KeyValue, MAX_CHANGES } from "../../runtime/cluster/index.ts";
import { forgettable } from "./history.ts";
import { applicationOf, WANTED_PREFIX } from "./keys.ts";
import { decodeWanted } from "./release.ts";
import { deletionsOf, type ReleaseLog, type Standing } from "./release-log.ts";

/** Most releases that can be kept of an application: so that all of it goes in one commit, with some to spare. */
export const MAX_KEEP_RELEASES = 400;

/** Invariant 1. Numbers are not given again, so nothing newer can be hit. */
export async function forgetReleases(
  keyValue: KeyValue,
  log: ReleaseLog,
  of: { application: string; keep: number },
): Promise<void> {
  const standing = await log.standing(of.application);
  const old = forgettable(await log.history(standing), standing.wanted.number, of.keep);
  const deletions = deletionsOf(old);
  while (deletions.length > 0) await keyValue.commit(deletions.splice(0, MAX_CHANGES));
}

/** Keeps the `keep` applications that were removed last. */
export async function forgetRemoved(keyValue: KeyValue, log: ReleaseLog, keep: number): Promise<void> {
  const { entries } = await keyValue.list(WANTED_PREFIX);
  const removed = entries
    .map(
      (entry): Standing => ({
        application: applicationOf(entry.key),
        wanted: decodeWanted(entry),
        revision: entry.revision,
      }),
    )
    .filter(({ wanted }) => wanted.number === undefined)
    .sort((one, other) => (other.wanted.removedAtEpochMs ?? 0) - (one.wanted.removedAtEpochMs ?? 0));
  for (const standing of removed.slice(keep)) {
    const key = `${WANTED_PREFIX}${standing.application}`;
    const deletions = deletionsOf(await log.history(standing));
    await keyValue.commit([{ kind: "delete", key, expected: standing.revision }, ...deletions]); // invariant 2
  }
}
