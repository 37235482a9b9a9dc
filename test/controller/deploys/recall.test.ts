// What a server remembers of a deployment over its own end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { contentsOf } from "../../../controller/deploys/contents.ts";
import { keep, recall } from "../../../controller/deploys/recall.ts";
import { type DeploymentConfig, decodeConfig } from "../../../controller/config/index.ts";
import { keyOf, type LastingMemory, type Revision, revisionOf } from "../../../controller/reconcile/index.ts";
import type { JsonObject } from "../../../controller/store/index.ts";
import { Folder } from "./support.ts";

const FAILURE = {
  atMs: 5,
  message: "it broke",
  logLines: ["a line"],
  permanent: false,
  replicaId: "a#1",
  during: "start",
  ranMs: undefined,
} as const;

/** Two versions of a deployment whose file is there. */
class Versions implements AsyncDisposable {
  readonly folder: Folder;
  readonly good: Revision;
  readonly bad: Revision;

  private constructor(folder: Folder, good: Revision, bad: Revision) {
    this.folder = folder;
    this.good = good;
    this.bad = bad;
  }

  static async make(): Promise<Versions> {
    const folder = await Folder.make();
    const revision = async (version: string): Promise<Revision> => {
      const module = `${folder.path}/echo.js:Echo`;
      const more = { num_replicas: 3, user_config: { x: [1, null] }, resources: { custom: { tpu: 1 } } };
      const text = JSON.stringify({
        applications: [{ deployments: [{ name: "a", version, module, ...more }] }],
      });
      const decoded = decodeConfig(text, { file: "s" });
      const config: DeploymentConfig | undefined =
        decoded.kind === "ok" ? decoded.value.applications[0]?.deployments[0] : undefined;
      assert(config !== undefined);
      return revisionOf(config, (await contentsOf(config.source)).hash);
    };
    return new Versions(folder, await revision("1"), await revision("2"));
  }

  /** Kept as JSON, as the store does, and recalled for a version that is wanted. */
  async again(
    memory: LastingMemory,
    { wanted, generation = 7, fresh = false }: { wanted: Revision; generation?: number; fresh?: boolean },
  ): Promise<LastingMemory | undefined> {
    const kept: JsonObject = JSON.parse(JSON.stringify(keep(memory)));
    const contents = (await contentsOf(wanted.config.source)).hash;
    return await recall(kept, { config: wanted.config, contents, generation, fresh });
  }

  failed(): LastingMemory {
    const failed = { revision: this.bad, generation: 7, failures: 2, failure: FAILURE };
    return { course: { kind: "ROLLED_BACK", good: this.good, failed }, nextReplica: 4 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.folder[Symbol.asyncDispose]();
  }
}

test("the good version comes back as it was (1)", async () => {
  await using versions = await Versions.make();
  const { good, bad } = versions;
  for (const course of [
    { kind: "STEADY", good },
    { kind: "ROLLING", good, target: bad },
    { kind: "DELETING", good },
  ] as const) {
    const memory = await versions.again({ course, nextReplica: 4 }, { wanted: bad });
    assert.deepEqual(memory, { course: { kind: "STEADY", good }, nextReplica: 4 });
  }
});

test("what was given up stays so, for the deploy that asked for it and no other", async () => {
  await using versions = await Versions.make();
  const { good, bad } = versions;
  const memory = await versions.again(versions.failed(), { wanted: bad });
  assert(memory?.course.kind === "ROLLED_BACK");
  assert.deepEqual(
    [memory.course.good, keyOf(memory.course.failed.revision), memory.course.failed.failure.logLines],
    [good, keyOf(bad), ["a line"]],
  );
  const steady = { course: { kind: "STEADY", good }, nextReplica: 4 };
  assert.deepEqual(await versions.again(versions.failed(), { wanted: bad, generation: 8 }), steady);
  assert.deepEqual(await versions.again(versions.failed(), { wanted: good }), steady);
});

test("a start with another config does not begin with the last good one (3)", async () => {
  await using versions = await Versions.make();
  const { good, bad } = versions;
  const memory: LastingMemory = { course: { kind: "STEADY", good }, nextReplica: 4 };
  const first = { course: { kind: "FIRST" }, nextReplica: 4 };
  assert.deepEqual(await versions.again(memory, { wanted: bad, fresh: true }), first);
  assert.deepEqual(await versions.again(memory, { wanted: good, fresh: true }), memory);
});

test("a version whose files changed or went is not the good one any more (2)", async () => {
  await using versions = await Versions.make();
  const first = { course: { kind: "FIRST" }, nextReplica: 4 };
  await versions.folder.write("echo.js", "export class Echo {}");
  assert.deepEqual(await versions.again(versions.failed(), { wanted: versions.good }), first);
});

test("what failed and never ran is tried again (4); what is damaged is nothing", async () => {
  await using versions = await Versions.make();
  const { bad } = versions;
  const failed = { revision: bad, generation: 7, failures: 2, failure: FAILURE };
  const memory = await versions.again(
    { course: { kind: "FAILED", failed }, nextReplica: 2 },
    { wanted: bad },
  );
  assert.deepEqual(memory, { course: { kind: "FIRST" }, nextReplica: 2 });
  const wanted = { config: bad.config, contents: "", generation: 1, fresh: false };
  assert.equal(await recall({ nextReplica: "2" }, wanted), undefined);
  assert.deepEqual(await recall({ nextReplica: 2, good: { form: { name: "a" }, heavy: "x" } }, wanted), {
    course: { kind: "FIRST" },
    nextReplica: 2,
  });
});
