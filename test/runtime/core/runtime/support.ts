// What the tests of the runtime share.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ActorModule,
  Runtime,
  type RuntimeOptions,
  type TaskModule,
} from "../../../../runtime/core/index.ts";
import { eventually } from "../../../support/eventually.ts";

type Work = typeof import("./fixtures/work.ts");
type Actors = typeof import("./fixtures/actors.ts");

export interface Started extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly work: TaskModule<Work>;
  readonly actors: ActorModule<Actors>;
  /** A path of its own in a folder that goes with the runtime. */
  file(name: string): string;
  /** The lines of such a file, once there are `count` of them. */
  lines(name: string, count?: number): Promise<string[]>;
}

export async function start(options: RuntimeOptions = {}): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), "runtime-test-"));
  const runtime = await Runtime.start({ numCpus: 2, warmWorkers: 1, logToDriver: false, ...options });
  const file = (name: string): string => join(folder, name);
  const read = async (name: string): Promise<string[]> => {
    const text = await readFile(file(name), "utf8").catch(() => "");
    return text.split("\n").slice(0, -1);
  };
  return {
    runtime,
    work: runtime.tasks<Work>(new URL("./fixtures/work.ts", import.meta.url)),
    actors: runtime.actors<Actors>(new URL("./fixtures/actors.ts", import.meta.url)),
    file,
    async lines(name, count = 0) {
      await eventually(`${count} lines in ${name}`, async () => (await read(name)).length >= count);
      return await read(name);
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
