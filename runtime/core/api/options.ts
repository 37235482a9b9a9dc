// Options of tasks and actors as a user writes them, checked once and laid out as the head takes them.
//
// Names and defaults are Ray's (python/ray/_common/ray_option_utils.py), in camelCase.

import { checkRuntimeEnv, type RuntimeEnv } from "../environments/runtime-env.ts";
import type { ActorWatcher } from "./core.ts";
import {
  abortSignal,
  amount,
  callback,
  count,
  fields,
  flag,
  given,
  list,
  oneOf,
  positive,
  refuse,
  text,
  texts,
} from "./check-values.ts";
import { checkNames } from "./option-names.ts";
import type { NodeOptions } from "./runtime-options.ts";
import { PlacementGroup } from "./placement-group.ts";
import type {
  ActorOptionsData,
  GroupData,
  NodeData,
  PlacementData,
  RetryOn,
  StrategyData,
} from "../workers/messages.ts";

/** Where a task or actor may run. Placement groups and labels come first, as in Ray. */
export type SchedulingStrategy =
  | "DEFAULT"
  | "SPREAD"
  | { readonly nodeId: string; readonly soft?: boolean }
  /** A bundle by its place in the group, or any of them. */
  | { readonly placementGroup: PlacementGroup; readonly bundleIndex?: number };

/** Resources by name, to 1/10,000; memory in whole bytes. */
export interface BundleOptions {
  /** CPUs, to 1/10,000. A task takes 1 by default; an actor none once it is placed. */
  readonly numCpus?: number;
  readonly numGpus?: number;
  readonly memoryBytes?: number;
  /** Resources by names of your own. */
  readonly resources?: Readonly<Record<string, number>>;
}

export interface ResourceOptions extends BundleOptions {
  /** Laid over the job's, or the submitting task's: variables are merged, other fields replaced. */
  readonly runtimeEnv?: RuntimeEnv;
  readonly schedulingStrategy?: SchedulingStrategy;
  /** Nodes with these labels only, such as `{ zone: "in(a,b)", gpu: "!in(old)" }`. */
  readonly labelSelector?: Readonly<Record<string, string>>;
  /** At most `most` of those that name the same `group` run on one node; the others wait. */
  readonly maxPerNode?: { readonly group: string; readonly most: number };
  /** Tried in order when no node fits `labelSelector`. */
  readonly fallbackStrategy?: readonly { readonly labelSelector: Readonly<Record<string, string>> }[];
}

export interface PlacementGroupOptions {
  /** What each bundle has; at least one. */
  readonly bundles: readonly BundleOptions[];
  /**
   * PACK: on as few nodes as they fit on. SPREAD: on as many as there are. The strict ones: on one node, or each on a node
   * of its own, or not at all. PACK by default.
   */
  readonly strategy?: "PACK" | "SPREAD" | "STRICT_PACK" | "STRICT_SPREAD";
  /** By this name `runtime.getPlacementGroup(name)` finds it, once per namespace. */
  readonly name?: string;
  readonly namespace?: string;
  /**
   * `detached`: it outlives the actor that made it, until it is removed or the runtime ends. Others go with the process of
   * their maker; those that tasks and the driver make stay as well.
   */
  readonly lifetime?: "detached" | "non_detached";
}

export interface CallOptions {
  /** For lists, logs and errors; the function's name by default. */
  readonly name?: string;
  /** More than one: the function returns an array of that many. */
  readonly numReturns?: number;
  /** From submission to the result; then DEADLINE_EXCEEDED, and the task is cancelled. None by default. */
  readonly timeoutMs?: number;
  /** Stream items produced ahead of the reader, 16 by default. */
  readonly generatorBackpressureNumObjects?: number;
}

export interface TaskOptions extends ResourceOptions, CallOptions {
  /** Again after a crash of the worker: 3 by default, -1 without limit. */
  readonly maxRetries?: number;
  /** Retries after what the function throws too: all errors, or those with these names or codes. */
  readonly retryExceptions?: boolean | readonly string[];
  /**
   * The worker ends after this many calls of the function, 0 is no limit. As in Ray 1 for a task with GPUs, whose memory
   * only the end of a process gives back; else no limit by default.
   */
  readonly maxCalls?: number;
}

export interface ActorOptions extends ResourceOptions, ActorWatcher {
  /** By this name `runtime.actor(name)` finds it, once per namespace. */
  readonly name?: string;
  readonly namespace?: string;
  /** The actor of this name if it is there, else a new one. */
  readonly getIfExists?: boolean;
  /** `detached`: it outlives its handles and its creator, until it is killed or the runtime ends. */
  readonly lifetime?: "detached" | "non_detached";
  /** Restarts over its life: 0 by default, -1 without limit. */
  readonly maxRestarts?: number;
  /** How often a call is sent again to a restarted actor: 0 by default, -1 without limit. */
  readonly maxTaskRetries?: number;
  /** Calls waiting at once; one more fails with QUEUE_FULL. -1, without limit, by default. */
  readonly maxPendingCalls?: number;
  /** Asynchronous calls at a time: 1,000 by default. */
  readonly maxConcurrency?: number;
  /** Named limits of their own, such as `{ io: 2 }`, for methods given to them by `methodGroups`. */
  readonly concurrencyGroups?: Readonly<Record<string, number>>;
  readonly methodGroups?: Readonly<Record<string, string>>;
  /** Whether a call may begin before an earlier one whose arguments are not ready. */
  readonly allowOutOfOrderExecution?: boolean;
  /** When memory runs out it is ended only if nobody else is left whose end would help. False by default. */
  readonly essential?: boolean;
  /**
   * From having a worker to being ready for calls; then it is killed, which a restart may follow, else the creation
   * fails with DEADLINE_EXCEEDED. As long as it takes by default.
   */
  readonly startTimeoutMs?: number;
  /** Kills the actor when it aborts before the creation is over. */
  readonly signal?: AbortSignal;
}

export interface MethodOptions extends CallOptions {
  readonly concurrencyGroup?: string;
  /** Instead of the actor's `maxTaskRetries`. */
  readonly maxTaskRetries?: number;
  readonly retryExceptions?: boolean | readonly string[];
}

const DEFAULT_WINDOW = 16;
/** References of one task: each is there from its submission, whatever the task returns. */
const MAX_RETURNS = 100_000;
/** Of names of actors and placement groups. */
export const DEFAULT_NAMESPACE = "default";

export interface CheckedCall {
  readonly numReturns: number;
  readonly timeoutMs: number | undefined;
  readonly window: number;
}

export interface CheckedTask extends CheckedCall {
  readonly placement: PlacementData;
  readonly maxRetries: number;
  readonly retryOn: RetryOn;
  readonly maxCalls: number;
}

/** Throws INVALID_ARGUMENT with the option, what was found and what was wanted. */
export function checkTask(options: TaskOptions, name: string): CheckedTask {
  checkNames("task", options, name);
  const { maxRetries = 3, maxCalls = (options.numGpus ?? 0) > 0 ? 1 : 0 } = options;
  count("maxRetries", maxRetries, -1, name);
  count("maxCalls", maxCalls, 0, name);
  return {
    ...checkCall(options, name),
    placement: placementOf(options, 1, name),
    maxRetries,
    retryOn: retryOnOf(options.retryExceptions, name),
    maxCalls,
  };
}

/** Options of one call of an actor's method. Throws INVALID_ARGUMENT. */
export function checkMethod(
  options: MethodOptions,
  { name, maxTaskRetries }: { readonly name: string; readonly maxTaskRetries: number },
): CheckedCall & Pick<CheckedTask, "maxRetries" | "retryOn"> {
  checkNames("method", options, name);
  const maxRetries = options.maxTaskRetries ?? maxTaskRetries;
  count("maxTaskRetries", maxRetries, -1, name);
  given(options.concurrencyGroup, (group) => text("concurrencyGroup", group, name));
  return { ...checkCall(options, name), maxRetries, retryOn: retryOnOf(options.retryExceptions, name) };
}

function checkCall(options: CallOptions, name: string): CheckedCall {
  const { numReturns = 1, timeoutMs, generatorBackpressureNumObjects: window = DEFAULT_WINDOW } = options;
  given(options.name, (own) => text("name", own, "a call"));
  count("numReturns", numReturns, 0, name);
  if (numReturns > MAX_RETURNS) throw refuse("numReturns", numReturns, `at most ${MAX_RETURNS}`, name);
  count("generatorBackpressureNumObjects", window, 1, name);
  given(timeoutMs, (value) => positive("timeoutMs", value, name));
  return { numReturns, timeoutMs, window };
}

export interface CheckedActor {
  readonly placement: PlacementData;
  readonly data: ActorOptionsData;
  readonly maxConcurrency: number | undefined;
  readonly groups: Readonly<Record<string, number>>;
  readonly methodGroups: Readonly<Record<string, string>>;
}

/** Throws INVALID_ARGUMENT. */
export function checkActor(options: ActorOptions, label: string): CheckedActor {
  checkNames("actor", options, label);
  const {
    maxRestarts = 0,
    maxTaskRetries = 0,
    maxPendingCalls = -1,
    maxConcurrency,
    name,
    startTimeoutMs,
  } = options;
  given(name, (own) => text("name", own, "an actor"));
  given(options.namespace, (namespace) => text("namespace", namespace, label));
  given(options.getIfExists, (value) => flag("getIfExists", value, label));
  given(options.allowOutOfOrderExecution, (value) => flag("allowOutOfOrderExecution", value, label));
  given(options.signal, (signal) => abortSignal("signal", signal, label));
  given(options.onStatus, (listener) => callback("onStatus", listener, label));
  given(options.onLine, (listener) => callback("onLine", listener, label));
  given(startTimeoutMs, (value) => positive("startTimeoutMs", value, label));
  count("maxRestarts", maxRestarts, -1, label);
  count("maxTaskRetries", maxTaskRetries, -1, label);
  count("maxPendingCalls", maxPendingCalls, -1, label);
  if (maxConcurrency !== undefined) count("maxConcurrency", maxConcurrency, 1, label);
  const { concurrencyGroups: groups = {}, methodGroups = {} } = options;
  fields("concurrencyGroups", groups, label);
  for (const [group, limit] of Object.entries(groups)) count(`concurrencyGroups.${group}`, limit, 1, label);
  texts("methodGroups", methodGroups, label);
  for (const [method, group] of Object.entries(methodGroups)) {
    if (!Object.hasOwn(groups, group)) {
      throw refuse(
        `methodGroups.${method}`,
        group,
        `one of ${Object.keys(groups).join(", ") || "none"}`,
        label,
      );
    }
  }
  if (name === undefined && options.getIfExists === true)
    throw refuse("getIfExists", true, "a name beside it", label);
  const data: ActorOptionsData = {
    name,
    namespace: options.namespace ?? DEFAULT_NAMESPACE,
    getIfExists: options.getIfExists ?? false,
    detached: isDetached(options, label),
    maxRestarts,
    maxTaskRetries,
    maxPendingCalls,
    allowOutOfOrderExecution: options.allowOutOfOrderExecution ?? false,
    essential: options.essential ?? false,
    startTimeoutMs,
  };
  return { placement: placementOf(options, 0, label), data, maxConcurrency, groups, methodGroups };
}

function retryOnOf(retryExceptions: boolean | readonly string[] = false, name: string): RetryOn {
  if (typeof retryExceptions === "boolean") return retryExceptions ? "all" : "none";
  const wrong = !Array.isArray(retryExceptions) || retryExceptions.some((error) => typeof error !== "string");
  if (wrong)
    throw refuse("retryExceptions", retryExceptions, "true, false or a list of names and codes", name);
  return retryExceptions;
}

const LIFETIMES: readonly string[] = ["detached", "non_detached"];
const STRATEGIES: readonly string[] = ["DEFAULT", "SPREAD"];
const GROUP_STRATEGIES: readonly string[] = ["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"];
const RESERVED = new Set(["num_cpus", "num_gpus", "memory", "CPU", "GPU"]);

function placementOf(options: ResourceOptions, defaultCpus: number, name: string): PlacementData {
  const { maxPerNode: perNode } = options;
  if (perNode !== undefined) {
    fields("maxPerNode", perNode, name);
    text("maxPerNode.group", perNode.group, name);
    count("maxPerNode.most", perNode.most, 1, name);
  }
  const placement = {
    resources: amountsOf(options, defaultCpus, name),
    strategy: strategyOf(options, name),
    ...(perNode === undefined ? {} : { perNode: { group: perNode.group, most: perNode.most } }),
  };
  if (options.runtimeEnv === undefined) return placement;
  return { ...placement, environment: checkRuntimeEnv(options.runtimeEnv) };
}

/** Throws INVALID_ARGUMENT. */
export function checkGroup(options: PlacementGroupOptions): GroupData {
  fields("the options", options, "a placement group");
  const { name, namespace = DEFAULT_NAMESPACE, strategy = "PACK", bundles } = options;
  given(name, (own) => text("name", own, "a placement group"));
  const label = name ?? "a placement group";
  checkNames("group", options, label);
  text("namespace", namespace, label);
  oneOf("strategy", strategy, GROUP_STRATEGIES, label);
  const detached = isDetached(options, label);
  list("bundles", bundles, label);
  const amounts = bundles.map((bundle, index) => {
    fields(`bundles[${index}]`, bundle, label);
    checkNames("bundle", bundle, `bundle ${index}`);
    return amountsOf(bundle, 0, `bundle ${index}`);
  });
  return { name, namespace, detached, strategy, bundles: amounts };
}

/** What nobody has a handle to can be found by its name only. */
function isDetached({ name, lifetime }: Pick<ActorOptions, "name" | "lifetime">, label: string): boolean {
  given(lifetime, (value) => oneOf("lifetime", value, LIFETIMES, label));
  if (lifetime === "detached" && name === undefined)
    throw refuse("lifetime", lifetime, "a name beside it", label);
  return lifetime === "detached";
}

/** Throws INVALID_ARGUMENT. */
export function checkNode(id: string, options: NodeOptions): NodeData {
  text("id", id, "a node");
  fields("the options", options, id);
  checkNames("node", options, id);
  const { labels = {}, ...amounts } = options;
  texts("labels", labels, id);
  return { id, labels, resources: amountsOf(amounts, 0, id) };
}

/** Throws INVALID_ARGUMENT for amounts of resources that there cannot be. */
export function checkAmounts(options: BundleOptions, name: string): void {
  amountsOf(options, 0, name);
}

function amountsOf(options: BundleOptions, defaultCpus: number, name: string): Record<string, number> {
  const { numCpus = defaultCpus, numGpus = 0, memoryBytes = 0, resources = {} } = options;
  fields("resources", resources, name);
  for (const [key, value] of Object.entries(resources)) {
    if (RESERVED.has(key)) throw refuse(`resources.${key}`, value, "numCpus, numGpus or memoryBytes", name);
    amount(`resources.${key}`, value, name);
  }
  amount("numCpus", numCpus, name);
  amount("numGpus", numGpus, name);
  amount("memoryBytes", memoryBytes, name);
  const wanted: Record<string, number> = { ...resources };
  if (numCpus > 0) wanted["num_cpus"] = numCpus;
  if (numGpus > 0) wanted["num_gpus"] = numGpus;
  if (memoryBytes > 0) wanted["memory"] = memoryBytes;
  return wanted;
}

function strategyOf(options: ResourceOptions, name: string): StrategyData {
  const { labelSelector, fallbackStrategy = [], schedulingStrategy = "DEFAULT" } = options;
  given(labelSelector, (labels) => texts("labelSelector", labels, name));
  list("fallbackStrategy", fallbackStrategy, name);
  if (labelSelector !== undefined || fallbackStrategy.length > 0) {
    const fallbacks = fallbackStrategy.map((fallback, index) => {
      fields(`fallbackStrategy[${index}]`, fallback, name);
      texts(`fallbackStrategy[${index}].labelSelector`, fallback.labelSelector, name);
      return fallback.labelSelector;
    });
    return { kind: "LABELS", selectors: [labelSelector ?? {}, ...fallbacks] };
  }
  if (typeof schedulingStrategy === "string") {
    oneOf("schedulingStrategy", schedulingStrategy, STRATEGIES, name);
    return { kind: schedulingStrategy };
  }
  fields("schedulingStrategy", schedulingStrategy, name);
  if ("placementGroup" in schedulingStrategy) {
    const { placementGroup, bundleIndex = -1 } = schedulingStrategy;
    count("schedulingStrategy.bundleIndex", bundleIndex, -1, name);
    if (!(placementGroup instanceof PlacementGroup))
      throw refuse("schedulingStrategy.placementGroup", placementGroup, "a PlacementGroup", name);
    return { kind: "PLACEMENT_GROUP", group: PlacementGroup.idOf(placementGroup), bundle: bundleIndex };
  }
  const { nodeId, soft = false } = schedulingStrategy;
  text("schedulingStrategy.nodeId", nodeId, name);
  flag("schedulingStrategy.soft", soft, name);
  return { kind: "NODE_AFFINITY", nodeId, soft };
}
