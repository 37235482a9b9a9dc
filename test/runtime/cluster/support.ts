// Folders of stores, and processes that write to them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

/** A folder that is there until the test file has run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "shoal-store-test-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const WRITER = fileURLToPath(new URL("./fixtures/writer.ts", import.meta.url));

/** What the writer acknowledged: the number of a commit and its revision. */
export interface Acknowledged {
  readonly number: number;
  readonly revision: number;
}

/** A process that writes to a store without end, see fixtures/writer.ts. */
export function startWriter(file: string, firstNumber = 0) {
  const child = spawn(process.execPath, [WRITER, file, String(firstNumber)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  const acknowledged: Acknowledged[] = [];
  let wake = (): void => {};
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => {
    const [number = Number.NaN, revision = Number.NaN] = line.split(" ").map(Number);
    acknowledged.push({ number, revision });
    wake();
  });
  const kill = async (): Promise<readonly Acknowledged[]> => {
    child.kill("SIGKILL");
    await closed;
    return acknowledged;
  };
  return {
    pid: child.pid,
    /** Resolves once so many commits were acknowledged; rejects when the process ended before. */
    async acknowledged(count: number): Promise<void> {
      while (acknowledged.length < count) {
        const line = new Promise<void>((resolve) => (wake = resolve));
        const ended = closed.then(() => true);
        const isOver = await Promise.race([line.then(() => false), ended]);
        assert.ok(!isOver || acknowledged.length >= count, "the writer ended");
      }
    },
    /** Kills it at once; all that it had acknowledged. */
    kill,
    [Symbol.asyncDispose]: async (): Promise<void> => void (await kill()),
  };
}
