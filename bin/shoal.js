#!/usr/bin/env node
// Starts the command line under a Node that can run it: this one when it is new enough, else the one that npm
// installed beside us. Plain JavaScript, because an older Node reads it first.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const WANTED = [24, 12];
const PACKAGES = [
  `node-${process.platform}-${process.arch}`,
  `node-bin-${process.platform}-${process.arch}`,
  `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`,
];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1])) {
  // A checkout runs its sources; the published package has only the build, since types are not stripped there.
  const source = join(root, "cli", "main.ts");
  const { main } = await import(
    pathToFileURL(existsSync(source) ? source : join(root, "dist", "cli", "main.js")).href
  );
  await main(process.argv.slice(2));
} else {
  const node = findNode();
  if (node === undefined) {
    console.error(`shoal needs Node ${WANTED.join(".")} or newer; found ${process.versions.node}.`);
    console.error("Run `npm install` with optional dependencies to get one beside it.");
    process.exit(2);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

/** The binary of the first Node package that is installed here. */
function findNode() {
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
