import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { silentLog } from "../../../runtime/base/log/index.ts";

const MODULE = new URL("../../../runtime/base/log/index.ts", import.meta.url).href;

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

test("nobody waits for a reader that does not read; what is dropped is counted (invariant 1)", async (t) => {
  const program = `
    const log = createLog();
    const text = "x".repeat(1000);
    for (let line = 0; line < 5000; line++) log.info(text);
    // Each turn of the loop would be the last if the writing held it up.
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    process.stdout.write("alive");
    process.stdin.resume().on("end", () => log.info("last"));
  `;
  const source = `import { createLog } from ${JSON.stringify(MODULE)}; ${program}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source]);
  t.after(() => child.kill("SIGKILL"));
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  assert.equal(said.toString(), "alive");
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
    // The end of input is the word to end, once what was dropped is told.
    if (text.includes('"dropped"')) child.stdin.end();
  });
  const [code] = (await once(child, "close")) as [number];
  assert.equal(code, 0);
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { msg: string; dropped?: number });
  const dropped = lines.reduce((sum, line) => sum + (line.dropped ?? 0), 0);
  const written = lines.filter(({ msg }) => msg.startsWith("xxx")).length;
  assert.equal(lines.at(-1)?.msg, "last");
  assert(dropped > 0 && written > 0);
  assert.equal(dropped + written, 5000);
});
