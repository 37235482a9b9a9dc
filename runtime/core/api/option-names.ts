// Which options there are: a misspelt one is refused, not passed over. The compiler keeps the lists complete.

import { ShoalError } from "../../base/index.ts";
import type { ActorOptions, CallOptions, MethodOptions, ResourceOptions, TaskOptions } from "./options.ts";
import type { RuntimeOptions } from "./runtime-options.ts";

/** Every name of `T`, and no other. */
type Names<T> = Readonly<Record<keyof Required<T>, true>>;

const RESOURCES: Names<ResourceOptions> = {
  numCpus: true,
  numGpus: true,
  memoryBytes: true,
  resources: true,
  runtimeEnv: true,
  schedulingStrategy: true,
  labelSelector: true,
  fallbackStrategy: true,
  maxPerNode: true,
};
const CALL: Names<CallOptions> = {
  name: true,
  numReturns: true,
  timeoutMs: true,
  generatorBackpressureNumObjects: true,
};
const TASK: Names<TaskOptions> = {
  ...RESOURCES,
  ...CALL,
  maxRetries: true,
  retryExceptions: true,
  maxCalls: true,
};
const METHOD: Names<MethodOptions> = {
  ...CALL,
  concurrencyGroup: true,
  maxTaskRetries: true,
  retryExceptions: true,
};
const ACTOR: Names<ActorOptions> = {
  ...RESOURCES,
  name: true,
  namespace: true,
  getIfExists: true,
  lifetime: true,
  maxRestarts: true,
  maxTaskRetries: true,
  maxPendingCalls: true,
  maxConcurrency: true,
  concurrencyGroups: true,
  methodGroups: true,
  allowOutOfOrderExecution: true,
  essential: true,
  startTimeoutMs: true,
  signal: true,
  onStatus: true,
  onLine: true,
};
const RUNTIME: Names<RuntimeOptions> = {
  numCpus: true,
  numGpus: true,
  memoryBytes: true,
  resources: true,
  labels: true,
  objectStoreBytes: true,
  spillFolder: true,
  warmWorkers: true,
  idleWorkerMs: true,
  idleWorkerBytes: true,
  logToDriver: true,
  onWorkerLine: true,
  dedupLogs: true,
  enableTaskEvents: true,
  memoryUsageThreshold: true,
  memoryMonitorRefreshMs: true,
  runtimeEnv: true,
  environmentCacheFolder: true,
  environmentCacheBytes: true,
  clock: true,
  log: true,
};
const OPTIONS = { task: TASK, actor: ACTOR, method: METHOD, runtime: RUNTIME } as const;

const WHO = { task: "a task", actor: "an actor", method: "a method", runtime: "a runtime" } as const;

/** Throws INVALID_ARGUMENT for a name that is no option of a `kind`; `name` says whose it is. */
export function checkNames(kind: keyof typeof OPTIONS, options: object, name: string): void {
  const known = OPTIONS[kind];
  for (const key of Object.keys(options)) {
    if (Object.hasOwn(known, key)) continue;
    const wanted = Object.keys(known).join(", ");
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot set ${key} of "${name}": ${WHO[kind]} has no such option, wanted one of ${wanted}`,
    );
  }
}
