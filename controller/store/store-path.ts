// Where a server's store is.
//
// 1. One file a server: a server is known by its admin port, by which the commands find it too, and of which a
//    machine has one at a time.

import { isAbsolute, join } from "node:path";

export interface StateEnvironment {
  readonly SHOAL_STATE_DIR?: string | undefined;
  readonly XDG_STATE_HOME?: string | undefined;
}

/**
 * `$SHOAL_STATE_DIR`, else `$XDG_STATE_HOME/shoal`, else `~/.local/state/shoal`. An empty variable is none, and so is
 * a relative XDG path (XDG Base Directory Specification).
 */
export function stateFolder(environment: StateEnvironment, home: string): string {
  const { SHOAL_STATE_DIR: own = "", XDG_STATE_HOME: xdg = "" } = environment;
  if (own !== "") return own;
  return join(isAbsolute(xdg) ? xdg : join(home, ".local", "state"), "shoal");
}

/**
 * The file of the server with this admin port (invariant 1). Undefined for port 0: such a server has another port the
 * next time, so nobody would find its state again; it keeps it in memory.
 */
export function storePath(folder: string, adminPort: number): string | undefined {
  return adminPort === 0 ? undefined : join(folder, "stores", `${adminPort}.sqlite`);
}
