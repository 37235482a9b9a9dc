// What a controller stands on: the runtime whose actors the replicas are, and the folder of their sockets. It
// may outlive the controller: then another one takes over what runs there.

import { rm } from "node:fs/promises";
import type { Clock } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import { Runtime, type RuntimeOptions } from "../runtime/core/index.ts";
import { logLine } from "./replica-output.ts";
import { openSocketFolder } from "./socket-folder.ts";

export interface GroundOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  /** What the machine has to give is detected by default. */
  readonly runtime?: RuntimeOptions;
}

/** Of the runtime, replicas and gateway processes have names of their own: user code has `default`. */
export const REPLICAS = "serve.replicas";

const REPLICA_VARIABLES = {
  // For glibc: memory of this size and more goes back to the system when it is freed. Left to itself, glibc raises the
  // bound with each body freed and then keeps them all.
  MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024),
  // User code has no business with the admin listener.
  SHOAL_ADMIN_TOKEN: undefined,
};

export class Ground implements AsyncDisposable {
  readonly runtime: Runtime;
  readonly socketFolder: string;
  readonly #dispose: () => Promise<void>;

  private constructor(parts: Pick<Ground, "runtime" | "socketFolder">, dispose: () => Promise<void>) {
    this.runtime = parts.runtime;
    this.socketFolder = parts.socketFolder;
    this.#dispose = dispose;
  }

  static async start({ log, clock, runtime: options }: GroundOptions): Promise<Ground> {
    const socketFolder = await openSocketFolder();
    const runtime = await Runtime.start({
      // So that a replica that died is replaced without waiting for a process.
      warmWorkers: 1,
      runtimeEnv: { envVars: REPLICA_VARIABLES },
      dedupLogs: false,
      enableTaskEvents: false,
      onWorkerLine: (line) => logLine(line, log),
      // Each replica tells its own states.
      log: log.child({}, { level: quieter(log.level) }),
      ...(clock === undefined ? {} : { clock }),
      ...options,
    });
    return new Ground({ runtime, socketFolder }, async () => {
      await runtime.shutdown();
      await rm(socketFolder, { recursive: true, force: true });
    });
  }

  /** Ends the runtime with all that is still in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }
}

/** Of what runs underneath only what somebody must know, unless all is to be told. */
function quieter(level: string): string {
  return level === "info" ? "warn" : level;
}
