// A deployment's state as one line.

import { styleText } from "node:util";

const MARKS: Readonly<Record<string, readonly [string, "dim" | "green" | "yellow" | "red"] | undefined>> = {
  UPDATING: ["…", "dim"],
  HEALTHY: ["✓", "green"],
  UPSCALING: ["…", "dim"],
  DOWNSCALING: ["…", "dim"],
  UNHEALTHY: ["!", "yellow"],
  DEPLOY_FAILED: ["✗", "red"],
};

export function statusLine(
  name: string,
  { state, message, loadMs }: { readonly state: string; readonly message: string; readonly loadMs?: number },
): string {
  const [mark, colour] = MARKS[state] ?? ["?", "dim"];
  const took = state === "HEALTHY" && loadMs !== undefined ? ` (loaded in ${Math.round(loadMs)} ms)` : "";
  const why = message === "" ? "" : `: ${message}`;
  return `${styleText(colour, mark)} ${name} ${state}${took}${why}`;
}
