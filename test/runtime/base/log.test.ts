import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { silentLog } from "../../../runtime/base/log/index.ts";

const MODULE = new URL("../../../runtime/base/index.ts", import.meta.url).href;

function printed(program: string): { readonly stdout: string; readonly lines: Record<string, unknown>[] } {
  const source = `import { createLog } from ${JSON.stringify(MODULE)}; ${program}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const lines = stderr.split("\n").filter((line) => line !== "");
  return { stdout, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("an event is one line of JSON on standard error, with its fields; standard output stays free", () => {
  const { stdout, lines } = printed(
    `createLog({ fields: { role: "test" } }).warn({ err: new Error("a\\nb") }, "two\\nlines")`,
  );
  assert.equal(stdout, "");
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.["msg"], "two\nlines");
  assert.equal(lines[0]?.["role"], "test");
  assert.match(JSON.stringify(lines[0]?.["err"]), /"message":"a\\nb"/);
});

test("what is below the level is not written, and a line just before the end of the process is", () => {
  const { lines } = printed(
    `const log = createLog({ level: "warn" }); log.info("no"); log.error("yes"); process.exit(0);`,
  );
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ["yes"],
  );
});

test("the silent log says nothing", () => {
  assert.equal(silentLog.isLevelEnabled("fatal"), false);
});
