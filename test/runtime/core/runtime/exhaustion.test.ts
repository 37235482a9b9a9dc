// What becomes of a runtime when a heap or a mount is full, and when a thousand actors have come and gone.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import { collectGarbage } from "../../../../runtime/core/objects/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { NO_MOUNTS } from "../objects/support.ts";
import { childPids } from "../support.ts";
import { failing, start } from "./support.ts";

suite("a worker that fills its heap", () => {
  const runtimeEnv = { nodeFlags: ["--max-old-space-size=48"] };

  test("dies alone: its task is tried again and fails, others go on", async () => {
    await using started = await start();
    const { runtime, work } = started;
    const full = work.fillHeap.options({ runtimeEnv, maxRetries: 1 })();
    await assert.rejects(
      runtime.get(full),
      failing("WORKER_DIED", /"fillHeap" lost worker \d+ .*(SIGABRT|exit code)/),
    );
    const { rows } = await runtime.list("tasks", { filters: ["name=fillHeap"] });
    assert.deepEqual(
      rows.map(({ state }) => state),
      ["FAILED", "FAILED"],
    );
    assert.equal(await runtime.get(work.square(3)), 9);
    assert.deepEqual((await runtime.resources())["num_cpus"], { total: 2, free: 2 });
  });
});

suite("a full mount of shared memory", { skip: NO_MOUNTS }, () => {
  const driver = join(import.meta.dirname, "fixtures/full-mount.ts");
  const mount = 'mount -t tmpfs -o size=32m tmpfs /dev/shm && exec "$@"';

  async function run(...args: string[]): Promise<Readonly<Record<string, unknown>>> {
    const command = ["--mount", "sh", "-c", mount, "sh", process.execPath, driver, ...args];
    const { stdout } = await promisify(execFile)("unshare", command);
    return JSON.parse(stdout);
  }

  for (const [how, args] of [
    ["when the runtime chooses its share itself", []],
    ["when it was told to take more than there is", [String(2 ** 30)]],
  ] as const) {
    test(`${how}, is made good on disk; what fits nowhere is an error, and nothing else suffers`, async () => {
      assert.deepEqual(await run(...args), {
        puts: Array.from({ length: 8 }, () => "fine"),
        result: "fine",
        argument: "fine",
        huge: "OBJECT_STORE_FULL",
        hugeResult: "OBJECT_STORE_FULL",
        read: [0, 1, 2, 3, 4, 5, 6, 7],
        small: 9,
        left: 0,
      });
    });
  }
});

test("a driver without descriptors starts runtimes but no worker, says so, and goes on when it has some again", async () => {
  const driver = join(import.meta.dirname, "fixtures/no-descriptors.ts");
  const { stdout } = await promisify(execFile)("sh", [
    "-c",
    'ulimit -n 128 && exec "$@"',
    "sh",
    process.execPath,
    driver,
  ]);
  const { task, actor, later, started } = JSON.parse(stdout);
  assert.match(task, /WORKER_DIED.*its process could not be started: spawn .*EMFILE/);
  assert.match(actor, /ACTOR_DIED.*its process could not be started: spawn .*EMFILE/);
  assert.deepEqual([later, started], [9, 16]);
});

/** A thousand take two minutes of two CPUs; the smaller number shows the same leaks. */
const ACTORS = Number(process.env["SHOAL_TEST_ACTORS"] ?? 60);
const AT_ONCE = 20;

test(`${ACTORS} actors that are created and killed leave no process, file, descriptor or memory`, async () => {
  await using started = await start({ warmWorkers: 2 });
  const { runtime, actors } = started;
  const large = await runtime.put(new Uint8Array(200_000));
  async function round(): Promise<void> {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, n) => {
        const keeper = await actors.Keeper.create(large);
        // Killed with a call that runs, with a result that nobody reads, and unused.
        if (n % 3 === 0) void runtime.get(keeper.never()).catch(() => undefined);
        else if (n % 3 === 1) assert.equal(await runtime.get(keeper.size()), 200_000);
        await runtime.kill(keeper);
      }),
    );
  }
  const settled = async (): Promise<Counts> => {
    await eventually("only the warm workers are left", () => childPids().length === 2);
    return await countsOf();
  };
  await round();
  const before = await settled();
  for (let n = AT_ONCE; n < ACTORS; n += AT_ONCE) await round();
  await settled();
  // Sockets of what has just ended are closed a moment later, before and after.
  let after = before;
  await eventually("no more descriptors than before", async () => {
    after = await countsOf();
    return additions(before.descriptors, after.descriptors).length === 0;
  });
  assert.equal((await runtime.get(large)).byteLength, 200_000);
  const { heapBytes, objectFiles } = after;
  const { heapBytes: heapBefore, objectFiles: filesBefore } = before;
  assert.equal(objectFiles, filesBefore);
  // The rows of dead actors, which lists show, and no more.
  const each = (heapBytes - heapBefore) / ACTORS;
  assert.ok(each < 20_000, `${each} bytes more for each actor`);
});

interface Counts {
  readonly descriptors: readonly string[];
  readonly objectFiles: number;
  readonly heapBytes: number;
}

/** What there is more of than before. */
function additions(before: readonly string[], after: readonly string[]): string[] {
  const left = [...before];
  return after.filter((name) => {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

async function countsOf(): Promise<Counts> {
  await collectGarbage();
  const descriptors = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, "");
    } catch {
      return []; // the folder's own
    }
  });
  const mine = readdirSync("/dev/shm").filter((name) => name.startsWith(`shoal-${process.pid}-`));
  return {
    descriptors: descriptors.sort(),
    objectFiles: mine.reduce((sum, name) => sum + readdirSync(`/dev/shm/${name}`).length, 0),
    heapBytes: process.memoryUsage().heapUsed,
  };
}
