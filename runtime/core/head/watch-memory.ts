// The memory monitor on the head's workers: who is to die when memory runs short is killed, and its work told why.

import type { Clock } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";
import type { RuntimeOptions } from "../api/runtime-options.ts";
import { MemoryMonitor } from "../memory/memory-monitor.ts";
import { memoryReader } from "../memory/memory-reader.ts";
import type { ActorTable } from "./actor-table.ts";
import { memoryWorkers } from "./memory-workers.ts";
import type { Worker } from "./worker.ts";

/** Ray's figures. */
const MEMORY_REFRESH_MS = 250;
const MEMORY_THRESHOLD = 0.95;

export interface Watched {
  readonly options: Pick<RuntimeOptions, "memoryMonitorRefreshMs" | "memoryUsageThreshold">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly workers: ReadonlySet<Worker>;
  readonly actors: ActorTable;
}

/** Undefined where it is switched off, or the system does not tell. */
export function watchMemory({ options, clock, log, workers, actors }: Watched): MemoryMonitor | undefined {
  const refreshMs = options.memoryMonitorRefreshMs ?? MEMORY_REFRESH_MS;
  const reader = refreshMs === 0 ? undefined : memoryReader();
  if (reader === undefined) return undefined;
  return MemoryMonitor.start({
    clock,
    reader,
    refreshMs,
    threshold: options.memoryUsageThreshold ?? MEMORY_THRESHOLD,
    workers: () => memoryWorkers(workers, actors),
    onPressure: ({ victim, message }) => {
      log.warn(message);
      for (const worker of workers) {
        if (String(worker.index) === victim.worker.workerId) worker.kill(message, "OUT_OF_MEMORY");
      }
    },
  });
}
