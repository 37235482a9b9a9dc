// The end of a worker's process, as the head hears of it.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Clock, systemClock } from "../../../../runtime/base/index.ts";
import { WorkerProcess } from "../../../../runtime/core/workers/worker-process.ts";

function stand(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
}

/** Whoever sets a timer stands still until it is due: it fires as soon as the loop turns, before anything is read. */
const STANDING: Clock = {
  nowMs: () => systemClock.nowMs(),
  epochMs: () => systemClock.epochMs(),
  timer(_delayMs, fire) {
    const timer = systemClock.timer(0, fire);
    stand();
    return timer;
  },
  sleep: (_delayMs, signal) => systemClock.sleep(0, signal),
};

interface Begun {
  readonly pid: number;
  /** What it printed, then its exit code. */
  readonly heard: unknown[];
  readonly ended: Promise<void>;
}

/** A worker's process that runs `script` in place of a worker; `onLine` hears of what it prints at once. */
function begin(script: string, onLine: () => void = () => undefined): Begun {
  const heard: unknown[] = [];
  const ended = Promise.withResolvers<void>();
  const line = (text: string): void => {
    heard.push(text);
    onLine();
  };
  const spec = {
    index: 1,
    environment: "",
    env: {},
    cwd: undefined,
    nodeFlags: ["--import", `data:text/javascript,${encodeURIComponent(script)}`],
    setUp: { index: 1, objectFolders: { memory: "", spill: "" }, environment: undefined },
    clock: STANDING,
  };
  const worker = WorkerProcess.spawn(spec, {
    onMessage: () => undefined,
    onReady: () => undefined,
    onUnready: () => undefined,
    log: () => ({
      sink: () => ({ line, dropped: () => undefined }),
      rename: () => undefined,
      [Symbol.dispose]: () => undefined,
    }),
    onEnd: ({ exitCode }) => {
      heard.push(exitCode);
      ended.resolve();
    },
  });
  assert(worker.pid !== undefined);
  return { pid: worker.pid, heard, ended: ended.promise };
}

/** Stands still until the process has ended and the signal of that is here; nobody waits for it, as the loop does not turn. */
function standUntilEnded(pid: number): void {
  while (!readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z "));
  stand();
}

test("what it printed is heard before its end, also by a driver that stood still (invariant 1)", {
  skip: process.platform !== "linux" && "reads /proc",
}, async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "worker-process-"));
  const go = join(folder.path, "go");
  const waiting = `import { existsSync } from "node:fs";
    while (!existsSync(${JSON.stringify(go)}));
    console.log("last words");
    process.exit(7);`;
  const second = begin(waiting);
  // The loop hears of both ends in the turn that brings the first one's line: the second one's is not read by then.
  const first = begin('console.log("first"); process.exit(6);', () => {
    writeFileSync(go, "");
    standUntilEnded(second.pid);
  });
  standUntilEnded(first.pid);
  await Promise.all([first.ended, second.ended]);
  assert.deepEqual(
    [first.heard, second.heard],
    [
      ["first", 6],
      ["last words", 7],
    ],
  );
});
