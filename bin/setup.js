// What `npm start` and `npm test` run first: installs the dependencies when they are missing or not those of the
// lock file. Plain JavaScript for any Node; nothing outside the folder is touched.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (!installed()) {
  console.log("Installing dependencies (once, about ten seconds, only from the npm registry) …");
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const run =
    npm === undefined
      ? spawnSync("npm", args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" })
      : spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: "inherit" });
  if (run.status !== 0) {
    console.error("Cannot install the dependencies: `npm ci` failed, see above.");
    process.exit(run.status ?? 1);
  }
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
