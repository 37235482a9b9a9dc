// The Node binary that npm installed beside us, as a package without install scripts. Plain JavaScript, because an
// older Node reads it.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The oldest Node that can run us, major and minor. */
export const WANTED = [24, 12];

const PACKAGES = [
  `node-${process.platform}-${process.arch}`,
  `node-bin-${process.platform}-${process.arch}`,
  `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`,
];

/** This Node when it is new enough, else that of the first package that is installed; undefined without one. */
export function findNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1])) return process.execPath;
  const require = createRequire(import.meta.url);
  for (const name of PACKAGES) {
    try {
      const folder = dirname(require.resolve(`${name}/package.json`));
      const binary = join(folder, "bin", process.platform === "win32" ? "node.exe" : "node");
      if (existsSync(binary)) return binary;
    } catch {
      // Not for this platform.
    }
  }
  return undefined;
}
