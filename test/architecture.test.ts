// Who may import whom. The table is the house's (DESIGN): a folder may import only what stands before it, and
// enters another only through its index.ts.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..");

/** Lowest first; folders on one line do not know each other. */
const LAYERS = [
  ["runtime/base"],
  ["runtime/cluster"],
  ["runtime/core"],
  ["runtime/engines"],
  ["runtime/integrations"],
  ["runtime/data"],
  ["runtime/train"],
  ["runtime/tune", "runtime/rl"],
  ["runtime/jobs"],
  ["replicas"],
  ["controller"],
  ["gateway"],
  ["cli"],
];
/** Entered beside their room's own index: not every process can afford what they load. */
const SIDE_ENTRANCES = [
  "runtime/base/config/index.ts",
  "runtime/base/log/index.ts",
  "controller/simulator/index.ts",
];
const RANK = new Map(LAYERS.flatMap((folders, rank) => folders.map((folder) => [folder, rank] as const)));

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const IMPORT =
  /(?:^|[\s;])(?:import|export)\s(?:[^"';]*?\sfrom\s)?["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g;

function roomOf(path: string): string | undefined {
  return [...RANK.keys()].find((folder) => path.startsWith(`${folder}/`));
}

/** Every broken rule, as a line; throws when there was nothing to look at. */
function violations(files: readonly SourceFile[]): string[] {
  assert.ok(files.length > 0, "found no source files");
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(IMPORT)].flatMap(([, from, dynamic]) => {
      const target = from ?? dynamic ?? "";
      return target.startsWith(".") ? check(path, normalize(join(dirname(path), target))) : [];
    }),
  );
}

function check(path: string, target: string): string[] {
  const [room, other] = [roomOf(path), roomOf(target)];
  if (target.startsWith("test/")) return [`${path} imports the test ${target}`];
  if (/(^|\/)[\w-]*main\.ts$/.test(target) && path !== target) return [`${path} imports the entry ${target}`];
  if (room === undefined) {
    // Load tests are a black-box client, examples are users: neither knows the inside.
    return other === undefined ? [] : [`${path} imports ${target} of the product`];
  }
  if (other === undefined) return [`${path} imports ${target}, which is in no room`];
  if (room === other) {
    // Whoever enters by the index would load it after all.
    const isBypassed = path === `${room}/index.ts` && SIDE_ENTRANCES.includes(target);
    return isBypassed ? [`${path} exports what ${target} is the entrance of`] : [];
  }
  if ((RANK.get(other) ?? 0) >= (RANK.get(room) ?? 0)) return [`${path} imports upwards: ${target}`];
  return target === `${other}/index.ts` || SIDE_ENTRANCES.includes(target)
    ? []
    : [`${path} enters ${other} by ${target}, not by its index.ts`];
}

const SOURCES = ["runtime", "replicas", "controller", "gateway", "cli", "loadtests", "examples"];

function sourceFiles(): SourceFile[] {
  return SOURCES.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT })).map((path) => ({
    path: path.replaceAll("\\", "/"),
    text: readFileSync(join(ROOT, path), "utf8"),
  }));
}

test("no folder imports upwards, or past another's index.ts", () => {
  assert.deepEqual(violations(sourceFiles()), []);
});

test("every folder of the table that has files was looked at", () => {
  const rooms = new Set(sourceFiles().map(({ path }) => roomOf(path)));
  for (const room of [
    "runtime/base",
    "runtime/core",
    "runtime/engines",
    "replicas",
    "controller",
    "gateway",
    "cli",
  ]) {
    assert.ok(rooms.has(room), room);
  }
});

test("a planted upward import is found, and so are the other trespasses", () => {
  const planted = (path: string, text: string): string[] => violations([{ path, text }]);
  const deny = (path: string, text: string): void =>
    assert.equal(planted(path, text).length, 1, `${path}: ${text}`);
  deny("runtime/base/x.ts", 'import { Gateway } from "../../gateway/index.ts";');
  deny("runtime/core/x.ts", 'import type { Engine } from "../engines/index.ts";');
  deny("replicas/x.ts", 'export * from "../controller/index.ts";');
  deny("controller/x.ts", 'const gateway = await import("../gateway/index.ts");');
  deny("gateway/x.ts", 'import {\n  Tensor,\n} from "../runtime/base/tensor.ts";');
  deny("gateway/x.ts", 'import "../test/support/fake-clock.ts";');
  deny("cli/x.ts", 'import { main } from "./main.ts";');
  deny("runtime/core/x.ts", 'import { main } from "./worker-main.ts";');
  deny("loadtests/x.ts", 'import { Server } from "../gateway/index.ts";');
  deny("runtime/base/index.ts", 'export * from "./log/index.ts";');
  assert.deepEqual(planted("gateway/x.ts", 'import { Tensor } from "../runtime/base/index.ts";'), []);
});

test("reading no files is a failure, not a pass", () => {
  assert.throws(() => violations([]), /no source files/);
});
