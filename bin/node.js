// What the npm scripts start: installs the dependencies when they are missing or not those of the lock file, then
// runs the Node that came with them with the arguments given. Plain JavaScript for any Node; nothing outside the
// folder is touched. (npm's own pre-scripts are off here, see .npmrc.)

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findNode, WANTED } from "./find-node.js";
import { runNode } from "./run-node.js";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (!installed()) install();
const args = process.argv.slice(2);
if (args.length > 0) {
  const node = findNode();
  if (node === undefined) {
    console.error(
      `Cannot run: found Node ${process.versions.node}, wanted ${WANTED.join(".")} or a package for`,
    );
    console.error(`${process.platform} ${process.arch} among the optional dependencies.`);
    process.exit(2);
  }
  runNode(node, args, { withParent: true });
}

function install() {
  console.log("Installing dependencies (once, about ten seconds, only from the npm registry) …");
  const npm = process.env.npm_execpath;
  const command = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const run =
    npm === undefined
      ? spawnSync("npm", command, { cwd: root, stdio: "inherit", shell: process.platform === "win32" })
      : spawnSync(process.execPath, [npm, ...command], { cwd: root, stdio: "inherit" });
  if (run.status === 0) return;
  console.error("Cannot install the dependencies: `npm ci` failed, see above.");
  process.exit(run.status ?? 1);
}

/** Whether every package of the lock file that belongs on this machine is there in its version. */
function installed() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    const found = JSON.parse(readFileSync(join(root, "node_modules", ".package-lock.json"), "utf8")).packages;
    return Object.entries(wanted).every(
      ([path, { version, optional, link }]) =>
        path === "" || link || (optional && found[path] === undefined) || found[path]?.version === version,
    );
  } catch {
    return false;
  }
}
