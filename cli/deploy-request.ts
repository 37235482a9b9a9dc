// Config files of the command line as something to deploy.

import { userInfo } from "node:os";
import { resolve } from "node:path";
import type { DeployRequest, LayeredConfig } from "../controller/index.ts";
import { formatFaults } from "../runtime/base/config/index.ts";
import { CommandError, EXIT } from "./exit-codes.ts";

/** Ends the command with every fault of the files. */
export async function layersOf(paths: readonly string[]): Promise<LayeredConfig> {
  const { loadLayers } = await import("../controller/index.ts");
  const outcome = await loadLayers(paths);
  if (outcome.kind === "ok") return outcome.value;
  throw new CommandError(EXIT.USAGE, formatFaults(outcome.faults));
}

/** Who asks, as the history will have it. */
export function author(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? "unknown"}`; // no such user in this container
  }
}

export function deployRequest(layered: LayeredConfig, paths: readonly string[]): DeployRequest {
  const { text, file, directory } = layered;
  const source = paths.map((path) => resolve(path)).join(" ");
  return { text, file, directory, source, author: author() };
}
