// `shoal list`, `summary`, `memory` and `timeline`, asked of a real runtime by the real command.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { start } from "../runtime/core/runtime/support.ts";

const SHOAL = join(import.meta.dirname, "../../bin/shoal.js");

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function shoal(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SHOAL, ...args], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

suite("commands about a runtime", () => {
  test("they tell what it has", async () => {
    await using started = await start();
    const { runtime, work } = started;
    await runtime.get([work.square(1), work.square(2)]);
    await runtime.get(work.fail()).catch(() => undefined);
    const kept = await runtime.put(new Uint8Array(200_000));
    const mine = ["--runtime", String(process.pid)];

    const listed = await shoal("list", "tasks", "--filter", "state=FINISHED", ...mine);
    assert.equal(listed.code, 0, listed.err);
    const [head = "", ...rows] = listed.out.trimEnd().split("\n");
    assert.match(head, /taskId .*name .*state/);
    assert.equal(rows.filter((row) => / square +FINISHED +NORMAL_TASK /.test(row)).length, 2);
    assert.equal(rows.length, 2);

    const json = await shoal("list", "tasks", "--limit", "1", "--json", ...mine);
    assert.equal(JSON.parse(json.out).length, 1);
    assert.match(json.err, /1 of 3 tasks shown/);

    const counted = await shoal("summary", "tasks", "--json", ...mine);
    assert.equal(JSON.parse(counted.out).totalTasks, 3);
    assert.match((await shoal("memory", ...mine)).out, new RegExp(`${kept.id} +SHARED_MEMORY +200`));

    const written = await shoal("timeline", "--output", started.file("trace.json"), ...mine);
    assert.match(written.out, /3 tasks written/);
    assert.ok(Array.isArray(JSON.parse(await readFile(started.file("trace.json"), "utf8")).traceEvents));
  });

  test("names are told in one line, whatever is in them; a file that cannot be written is named", async () => {
    await using started = await start();
    const { runtime, work } = started;
    await runtime.get(work.square.options({ name: "two\nlines \u001b[31mred\u009b é" })(1));
    const mine = ["--runtime", String(process.pid)];
    const { out } = await shoal("list", "tasks", ...mine);
    assert.match(out, / two\\nlines \\x1b\[31mred\\x9b é +FINISHED /);
    assert.equal(out.trimEnd().split("\n").length, 2);
    const trace = await shoal("timeline", "--output", started.file("absent/trace.json"), ...mine);
    assert.equal(trace.code, 1);
    assert.match(trace.err, /^Cannot write ".*absent\/trace\.json": ENOENT.*\n$/);
  });

  test("what cannot be asked is told: no runtime, a wrong kind, a wrong filter", async () => {
    const nobody = await shoal("list", "tasks", "--runtime", "1");
    assert.equal(nobody.code, 3);
    assert.match(nobody.err, /^No (running )?runtime/);
    const kind = await shoal("list", "things");
    assert.equal(kind.code, 2);
    assert.match(kind.err, /tasks, actors, objects/);
    const filter = await shoal("list", "tasks", "--filter", "state");
    assert.notEqual(filter.code, 0);
    assert.match(filter.err, /Cannot filter by "state"/);
  });
});
