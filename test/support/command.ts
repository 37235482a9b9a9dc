// The `shoal` command run to its end, for tests of what it prints and of its exit status.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

export const COMMAND = fileURLToPath(new URL("../../bin/shoal.js", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `shoal` with `args`; `env` is laid over an environment without any setting of Shoal's. */
export async function shoal(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("SHOAL_"));
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...Object.fromEntries(clean), NO_COLOR: "1", COLUMNS: "100", ...env },
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}
