// What the tests of environments share.

import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  type ActorModule,
  Runtime,
  type RuntimeOptions,
  type TaskModule,
} from "../../../../runtime/core/index.ts";

type Tasks = typeof import("./fixtures/tasks.ts");

/** A folder that goes at the end of its scope. */
export interface Folder extends AsyncDisposable {
  readonly path: string;
  /** Writes files by their paths in it; an object is written as JSON. */
  write(files: Readonly<Record<string, string | object>>): Promise<void>;
  at(path: string): string;
}

export async function makeFolder(): Promise<Folder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "environments-test-")));
  const at = (inner: string): string => join(path, inner);
  return {
    path,
    at,
    async write(files) {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(at(name)), { recursive: true });
        await writeFile(at(name), typeof content === "string" ? content : JSON.stringify(content));
      }
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

export interface Started extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly tasks: TaskModule<Tasks>;
  readonly actors: ActorModule<Tasks>;
}

/** A runtime whose cache of environments is in `folder`. */
export async function start(folder: Folder, options: RuntimeOptions = {}): Promise<Started> {
  const runtime = await Runtime.start({
    numCpus: 2,
    warmWorkers: 1,
    logToDriver: false,
    environmentCacheFolder: folder.at("cache"),
    ...options,
  });
  const module = new URL("./fixtures/tasks.ts", import.meta.url);
  return {
    runtime,
    tasks: runtime.tasks<Tasks>(module),
    actors: runtime.actors<Tasks>(module),
    [Symbol.asyncDispose]: () => runtime.shutdown(),
  };
}

/** The files of a package whose default export is `says`. */
export function packageFiles(name: string, says: string): Record<string, string | object> {
  return {
    [`${name}/package.json`]: { name, version: "1.0.0", type: "module", exports: "./index.js" },
    [`${name}/index.js`]: `export default ${JSON.stringify(says)};`,
  };
}
