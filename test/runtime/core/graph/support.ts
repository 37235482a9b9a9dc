// What the tests of graphs share.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ActorModule, Runtime, type TaskModule } from "../../../../runtime/core/index.ts";

type Work = typeof import("./fixtures/work.ts");
type Actors = typeof import("./fixtures/actors.ts");

export interface Started extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly work: TaskModule<Work>;
  readonly actors: ActorModule<Actors>;
  /** A path of its own in a folder that goes with the runtime. */
  readonly file: (name: string) => string;
  /** The lines of such a file so far. */
  readonly lines: (name: string) => Promise<string[]>;
}

export async function start(): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), "graph-test-"));
  const runtime = await Runtime.start({ numCpus: 2, warmWorkers: 1, logToDriver: false });
  const file = (name: string): string => join(folder, name);
  return {
    runtime,
    work: runtime.tasks<Work>(new URL("./fixtures/work.ts", import.meta.url)),
    actors: runtime.actors<Actors>(new URL("./fixtures/actors.ts", import.meta.url)),
    file,
    async lines(name) {
      const text = await readFile(file(name), "utf8").catch(() => "");
      return text.split("\n").slice(0, -1);
    },
    async [Symbol.asyncDispose]() {
      await runtime.shutdown();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** For `assert.rejects`: an error of ours with this code and words. */
export function failing(code: string, words: RegExp): { readonly code: string; readonly message: RegExp } {
  return { code, message: words };
}
