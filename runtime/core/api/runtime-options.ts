// What `Runtime.start` takes.

import type { RuntimeEnv } from "../environments/runtime-env.ts";
import type { WorkerLine } from "../logs/worker-logs.ts";
import type { Clock } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";

/** A node: a place with resources of its own. All nodes are on this machine so far: virtual ones. */
export interface NodeOptions {
  readonly numCpus?: number;
  readonly numGpus?: number;
  readonly memoryBytes?: number;
  /** Resources by names of your own. */
  readonly resources?: Readonly<Record<string, number>>;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface RuntimeOptions {
  /** CPUs to give to tasks and actors; those of the machine, or of its cgroup, by default. */
  readonly numCpus?: number;
  /** GPUs; those found on the machine by default. */
  readonly numGpus?: number;
  readonly memoryBytes?: number;
  /** Resources by names of your own. */
  readonly resources?: Readonly<Record<string, number>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Bytes of shared memory for objects; 30 % of the machine's memory by default. */
  readonly objectStoreBytes?: number;
  /** Where objects go that no longer fit; a folder of its own under the system's temporary one by default. */
  readonly spillFolder?: string;
  /** Workers kept ready; one for each CPU by default. */
  readonly warmWorkers?: number;
  /** After this long an idle worker beyond the warm ones ends; 10 s by default. */
  readonly idleWorkerMs?: number;
  /** An idle worker with more private memory than this, which its tasks leaked, is replaced; 1 GiB by default, 0 is no limit. */
  readonly idleWorkerBytes?: number;
  /** Whether what workers print appears here; true by default. */
  readonly logToDriver?: boolean;
  /** Takes the lines that workers print, instead of this process's standard output and error. */
  readonly onWorkerLine?: (line: WorkerLine) => void;
  /** Whether a line that many workers print is shown once and counted; true by default. */
  readonly dedupLogs?: boolean;
  /** Whether tasks are recorded for lists and the timeline; true by default. */
  readonly enableTaskEvents?: boolean;
  /** Share of the memory in use above which a worker is killed before the kernel kills one; 0.95 by default. */
  readonly memoryUsageThreshold?: number;
  /** How often the memory is looked at; 250 ms by default, 0 is never. */
  readonly memoryMonitorRefreshMs?: number;
  /** What every task and actor runs in; theirs are laid over it. Its set-up begins at once. */
  readonly runtimeEnv?: RuntimeEnv;
  /** Where working directories, modules and npm packages are kept; in the user's cache folder by default. */
  readonly environmentCacheFolder?: string;
  /** Above this, what was used longest ago goes; 10 GiB by default. */
  readonly environmentCacheBytes?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
}
