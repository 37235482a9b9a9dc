// What the documents say and the code has, kept equal.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ERROR_CODES, SHOAL_VERSION } from "../runtime/base/index.ts";

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

test("docs/errors.md's table is the code's", () => {
  const [, table = ""] =
    /<!-- errors:[^>]*-->\n([\s\S]*?)<!-- \/errors -->/.exec(read("docs/errors.md")) ?? [];
  const rows = table.split("\n").filter((line) => /^\| [A-Z_]+ \|/.test(line));
  const wanted = Object.entries(ERROR_CODES).map(
    ([code, { httpStatus, grpcStatus, retry }]) => `| ${code} | ${httpStatus} | ${grpcStatus} | ${retry} |`,
  );
  assert.ok(wanted.length > 20);
  assert.deepEqual(rows, wanted);
});

test("the version is package.json's", () => {
  assert.equal(SHOAL_VERSION, (JSON.parse(read("package.json")) as { version: string }).version);
});

test("every file a README names is there", () => {
  for (const folder of [
    "gateway",
    "controller",
    "replicas",
    "runtime/base",
    "runtime/core",
    "runtime/engines",
    "cli",
  ]) {
    const names = [...read(`${folder}/README.md`).matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts)`/g)].map(
      ([, name]) => name ?? "",
    );
    assert.ok(names.length > 0, folder);
    const present = names.filter((name) =>
      [folder, `${folder}/http`, `${folder}/dispatch`].some((base) => exists(`${base}/${name}`)),
    );
    const absent = names.filter((name) => !present.includes(name) && !exists(name));
    assert.deepEqual(absent, [], folder);
  }
});

function exists(path: string): boolean {
  try {
    read(path);
    return true;
  } catch {
    return false;
  }
}
