// A store on a disk that is full: a real one, small, in a mount namespace of its own.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "./support.ts";

const run = promisify(execFile);
const folder = temporaryFolder();
const FILL = fileURLToPath(new URL("./fixtures/fill-disk.ts", import.meta.url));
const SCRIPT = 'mount -t tmpfs -o size=2m none "$1" && { [ -z "$2" ] || exec "$2" "$3" "$1"; }';

/** Runs `program` with the path of a disk of 2 MiB that is gone afterwards. */
async function onSmallDisk(disk: string, program: readonly string[]): Promise<string> {
  mkdirSync(disk);
  const { stdout } = await run("unshare", ["-rm", "sh", "-c", SCRIPT, "sh", disk, ...program]);
  return stdout;
}

const cannot = await onSmallDisk(join(folder, "probe"), []).then(
  () => false,
  () => "needs Linux's unshare with user namespaces",
);

test("a full disk refuses what does not fit, loses nothing, and room that was made is used", {
  skip: cannot,
}, async () => {
  const said = JSON.parse(await onSmallDisk(join(folder, "disk"), [process.execPath, FILL])) as {
    written: number;
    codes: string[];
  };
  assert.ok(said.written > 10, `${said.written} written`);
  assert.deepEqual(said.codes, ["STORE_FULL"]);
});
