// kill -9 of a process that deploys: what was told is wanted, is wanted, after any number of kills.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { ServeStore } from "../../../controller/store/index.ts";
import { LocalBackend } from "../../../runtime/cluster/index.ts";
import { checkAsyncProperty } from "../../support/properties.ts";

const DEPLOYER = fileURLToPath(new URL("./fixtures/deployer.ts", import.meta.url));
const KILLS = 8;
const folder = mkdtempSync(join(tmpdir(), "shoal-serve-store-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;

/** Kills a deployer after so many lines; the last round of which each line was told. */
async function deployUntil(file: string, count: number): Promise<Map<string, number>> {
  const child = spawn(process.execPath, [DEPLOYER, file], { stdio: ["ignore", "pipe", "inherit"] });
  const told = new Map<string, number>();
  let lines = 0;
  for await (const line of createInterface(child.stdout)) {
    const [number = "", what = ""] = line.split(" ");
    told.set(what, Number(number));
    // What it told before it died is still read, and counts.
    if (++lines === count) child.kill("SIGKILL");
  }
  if (child.signalCode === null && child.exitCode === null) await once(child, "exit");
  assert.equal(child.signalCode, "SIGKILL");
  return told;
}

test("kill -9 during deploys loses no release that was told, and halves none (1)", async (context) => {
  const moments = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: KILLS, maxLength: KILLS });
  const check = async (counts: readonly number[]): Promise<void> => {
    const file = join(folder, `${++runs}.sqlite`);
    for (const count of counts) {
      const told = await deployUntil(file, count);
      await using backend = await LocalBackend.start({ file });
      const store = await ServeStore.open(backend, { keepReleases: 5 });
      const [left, right] = await store.current();
      assert.ok(left?.kind === "wanted" && right?.kind === "wanted");
      assert.equal(left.wanted.number, right.wanted.number);
      assert.ok(left.wanted.number >= (told.get("wanted") ?? 0));
      const running = told.get("running") ?? 0;
      if (running > 0) assert.equal((await store.release("left", running))?.outcome.kind, "running");
      // Each kill may come before what is too old is forgotten; the next deploy does it.
      assert.ok((await store.history("left")).length <= 5 + 2);
    }
  };
  await checkAsyncProperty(context, fc.asyncProperty(moments, check), 1);
});
