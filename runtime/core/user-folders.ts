// Who this process runs as, and where that user's caches are. In a container a user may have neither a name in the system's
// tables nor a home: then Node throws at both questions, and all that needs neither has to work all the same.

import { homedir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";

/** A number of this user's; -1 where users have none. */
export function userId(): number {
  return process.getuid?.() ?? userInfo().uid;
}

/** For what later runs can use; undefined for a user without a home. */
export function cacheFolder(): string | undefined {
  const { XDG_CACHE_HOME: caches } = process.env;
  if (caches !== undefined && isAbsolute(caches)) return join(caches, "shoal");
  try {
    return join(homedir(), ".cache", "shoal");
  } catch {
    return undefined;
  }
}
