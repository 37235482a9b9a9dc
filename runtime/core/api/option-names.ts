// Which options there are: a misspelt one is refused, not passed over. The compiler keeps the lists complete.

import { ShoalError } from "../../base/index.ts";
import type { CompileOptions } from "../graph/compiled/compile-options.ts";
import type { WaitOptions } from "./core.ts";
import type {
  ActorOptions,
  BundleOptions,
  CallOptions,
  MethodOptions,
  PlacementGroupOptions,
  ResourceOptions,
  TaskOptions,
} from "./options.ts";
import type { NodeOptions, RuntimeOptions } from "./runtime-options.ts";

/** Every name of `T`, and no other. */
type Names<T> = Readonly<Record<keyof Required<T>, true>>;

const BUNDLE: Names<BundleOptions> = { numCpus: true, numGpus: true, memoryBytes: true, resources: true };
const NODE: Names<NodeOptions> = { ...BUNDLE, labels: true };
const GROUP: Names<PlacementGroupOptions> = {
  bundles: true,
  strategy: true,
  name: true,
  namespace: true,
  lifetime: true,
};
const WAIT: Names<WaitOptions> = { timeoutMs: true, signal: true };
const COMPILED: Names<CompileOptions> = { signal: true, maxInFlight: true, maxQueued: true };
const RESOURCES: Names<ResourceOptions> = {
  ...BUNDLE,
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
const OPTIONS = {
  task: TASK,
  actor: ACTOR,
  method: METHOD,
  runtime: RUNTIME,
  group: GROUP,
  bundle: BUNDLE,
  node: NODE,
  wait: WAIT,
  compiled: COMPILED,
} as const;

const WHO = {
  task: "a task",
  actor: "an actor",
  method: "a method",
  runtime: "a runtime",
  group: "a placement group",
  bundle: "a bundle",
  node: "a node",
  wait: "a wait",
  compiled: "a compiled graph",
} as const;

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
