// Who looks after a replica while it serves: its checks, over a connection of their own, and its memory.
//
// 1. It tells of what it finds, once or more often, and decides nothing.
// 2. Quiet from `rest` on: of one that ends nothing is wanted. Its connection stays for what is under way.

import type { Clock } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import { processStatus } from "../runtime/core/index.ts";
import { ReplicaClient } from "./dispatch/index.ts";
import { HealthChecks, type HealthSettings } from "./health-checks.ts";
import { MemoryWatch } from "./memory-watch.ts";

export interface ReplicaWatchOptions {
  readonly id: string;
  /** Name of its deployment. */
  readonly deployment: string;
  readonly socketPath: string;
  /** Undefined when it is not known: its memory is not watched then, and nobody sees that it is stopped. */
  readonly pid: number | undefined;
  /** What it may have; 0 for no bound. */
  readonly memoryBytes: number;
  readonly health: () => HealthSettings;
  /** How long the oldest batch has been there; undefined when it has none. */
  readonly busyMs: () => Promise<number | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
  /** It has to go. */
  readonly onUnwell: (message: string) => void;
  /** It has more memory than it was given: another one is to take its place. */
  readonly onOutgrown: (message: string) => void;
}

export class ReplicaWatch {
  readonly #client: ReplicaClient;
  readonly #checks: HealthChecks;
  readonly #memory: MemoryWatch | undefined;

  constructor(options: ReplicaWatchOptions) {
    const { id, deployment, socketPath, pid, health, busyMs, clock, log, onUnwell } = options;
    this.#client = new ReplicaClient({
      id,
      deployment,
      socketPath,
      interruptible: false,
      toEpochMs: (nowMs) => clock.epochMs() + (nowMs - clock.nowMs()),
    });
    this.#checks = new HealthChecks({
      replicaId: id,
      settings: health,
      check: (signal) => this.#client.check(signal),
      busyMs,
      stopped: async () => pid !== undefined && (await processStatus(pid))?.stopped === true,
      clock,
      log,
      onUnwell,
    });
    this.#memory = memoryWatch(options);
  }

  start(): void {
    void this.#checks.start();
    void this.#memory?.start();
  }

  /** Resolves true when a check answers; else it is unhealthy, or gone. */
  probe(): Promise<boolean> {
    return this.#checks.probe();
  }

  /** No more of it (invariant 2). */
  rest(): void {
    this.#checks[Symbol.dispose]();
    this.#memory?.[Symbol.dispose]();
  }

  /** Rests, and closes the connection. */
  end(): void {
    this.rest();
    void this.#client.close();
  }
}

function memoryWatch(options: ReplicaWatchOptions): MemoryWatch | undefined {
  const { id, pid, memoryBytes, clock, log, onOutgrown, onUnwell } = options;
  if (memoryBytes === 0 || pid === undefined) return undefined;
  return new MemoryWatch({
    pid,
    boundBytes: memoryBytes,
    clock,
    onWrong: (message) => log.warn({ replica: id }, message),
    onOutgrown,
    onFarOutgrown: onUnwell,
  });
}
