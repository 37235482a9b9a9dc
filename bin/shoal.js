#!/usr/bin/env node
// Starts the command line under a Node that can run it: this one when it is new enough, else the one that npm
// installed beside us. Plain JavaScript, because an older Node reads it first.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findNode, WANTED } from "./find-node.js";
import { runNode } from "./run-node.js";

const self = fileURLToPath(import.meta.url);
const root = dirname(dirname(self));
const node = findNode();

if (node === process.execPath) {
  // A checkout runs its sources; the published package has only the build, since types are not stripped there.
  const source = join(root, "cli", "main.ts");
  const entry = existsSync(source) ? source : join(root, "dist", "cli", "main.js");
  const { main } = await import(pathToFileURL(entry).href);
  await main(process.argv.slice(2));
} else if (node === undefined) {
  console.error(`shoal needs Node ${WANTED.join(".")} or newer; found ${process.versions.node}.`);
  console.error("Run `npm install` with optional dependencies to get one beside it.");
  process.exitCode = 2;
} else {
  runNode(node, [self, ...process.argv.slice(2)]);
}
