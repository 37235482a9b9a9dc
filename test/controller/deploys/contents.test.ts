// What counts as a change of the files that a deployment is made of.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { contentsOf } from "../../../controller/deploys/contents.ts";
import { localImports } from "../../../controller/deploys/local-imports.ts";

class Files implements AsyncDisposable {
  readonly path = mkdtemp(join(tmpdir(), "shoal-test-"));

  async write(name: string, text: string | Buffer): Promise<string> {
    const path = join(await this.path, name);
    await writeFile(path, text);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(await this.path, { recursive: true, force: true });
  }
}

const module = (path: string) => ({ engine: "module", path, engineOptions: {} }) as const;
const onnx = (path: string) => ({ engine: "onnx", path, engineOptions: {} }) as const;

test("a module goes by its bytes and by those of what it names, not by their times (1)", async () => {
  await using files = new Files();
  const main = await files.write(
    "main.ts",
    'import { a } from "./a.ts";\nconst text = new URL("./corpus.txt", import.meta.url);\n',
  );
  const a = await files.write("a.ts", 'export * from "./b.ts";');
  const b = await files.write("b.ts", 'import "./main.ts";');
  const corpus = await files.write("corpus.txt", "one");
  await files.write("stranger.ts", "1");
  const first = await contentsOf(module(main));
  assert.deepEqual(first, { hash: first.hash, files: [main, a, corpus, b], missing: false });
  await utimes(b, 1, 1);
  await files.write("stranger.ts", "2");
  assert.deepEqual(await contentsOf(module(main)), first);
  const hashes = new Set([first.hash]);
  for (const [name, text] of [
    ["corpus.txt", "two"],
    ["b.ts", "// nothing"],
    ["main.ts", "// nothing at all"],
  ] as const) {
    await files.write(name, text);
    hashes.add((await contentsOf(module(main))).hash);
  }
  assert.equal(hashes.size, 4);
  await rename(main, a);
  assert.deepEqual(
    [(await contentsOf(module(main))).missing, (await contentsOf(module(a))).missing],
    [true, false],
  );
});

test("a model's weights are in the files that it names, whatever they are called (1)", async () => {
  await using files = new Files();
  const fixtures = new URL("../../runtime/engines/fixtures/", import.meta.url);
  const model = await files.write("m.onnx", await readFile(new URL("external.onnx", fixtures)));
  const first = await contentsOf(onnx(model));
  const data = await files.write("external.data", "1");
  const [one, two] = [await contentsOf(onnx(model)), await files.write("external.data", "22")];
  assert.deepEqual(one.files, [model, data]);
  assert.equal(new Set([first.hash, one.hash, (await contentsOf(onnx(model))).hash]).size, 3, two);
});

test("a model goes by size and time, its external data too (1)", async () => {
  await using files = new Files();
  const model = await files.write("m.onnx", "weights");
  await utimes(model, 1, 1);
  const first = await contentsOf(onnx(model));
  assert.deepEqual([first.files, first.missing], [[model], false]);
  await files.write("m.onnx", "WEIGHTS");
  await utimes(model, 1, 1);
  assert.equal((await contentsOf(onnx(model))).hash, first.hash);
  await utimes(model, 1, 2);
  const later = await contentsOf(onnx(model));
  assert.notEqual(later.hash, first.hash);
  const data = await files.write("m.onnx.data", "more");
  const external = await contentsOf(onnx(model));
  assert.deepEqual([external.files, external.hash === later.hash], [[model, data], false]);
});

test("a folder, and what is not there, is missing; it is still something to watch", async () => {
  await using files = new Files();
  const folder = await files.path;
  assert.deepEqual((await contentsOf(module(folder))).missing, true);
  const nowhere = join(folder, "none.ts");
  assert.deepEqual((await contentsOf(onnx(nowhere))).files, [nowhere]);
});

test("imports are found however they are written", () => {
  const text = `
    import a, { b } from './one.ts'; export { c } from "../two.js"
    import "./three.mjs"; const d = await import("./four.ts"); import type { E } from "./five.ts"
    new URL('./six.json', import.meta.url); import x from "pkg"; import y from "node:fs";
    new URL("./no", base); fetch("./no");
  `;
  assert.deepEqual(localImports("/srv/app/main.ts", text).sort(), [
    "/srv/app/five.ts",
    "/srv/app/four.ts",
    "/srv/app/one.ts",
    "/srv/app/six.json",
    "/srv/app/three.mjs",
    "/srv/two.js",
  ]);
});
