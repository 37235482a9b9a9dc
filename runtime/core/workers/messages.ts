// What a worker process and the head say to each other over their channel.
//
// The head is the part of the runtime in the driver's process. Values never stand in a message: they are its binary
// parts, in the order in which the message names them, or a file in shared memory.
//
// 1. Ids are whole numbers, unique in a runtime: the process's index · 2³² + a counter of that process.

import type { WireError } from "../../base/index.ts";
import type { After, CallReport, HandedOver, OwnMessage, SettleMessage } from "./direct-messages.ts";
import type { WorkerLine } from "../logs/worker-logs.ts";
import type { RowKind, RowQuery } from "../state/index.ts";

/** A task, an actor, an object or a placement group. Object ids of a task's returns follow its own. */
export type Id = number;

/** Values up to this size travel in messages and stay in the head's memory: Ray's limit. */
export const INLINE_BYTES = 100 * 1024;

/** How many binary parts of the message are the value, or that it is the object file of its id. */
export type WireValue = number | { readonly fileBytes: number };

/** The state of an object, as it is sent to who reads it. */
export type WireOutcome = { readonly value: WireValue } | { readonly error: WireError };

export interface FunctionName {
  /** File URL of the module. */
  readonly module: string;
  readonly exportName: string;
}

/** What runs in a worker: a task, the creation of an actor, or a call of its method. */
export type Work =
  | ({ readonly kind: "task" } & FunctionName)
  | ({
      readonly kind: "create";
      readonly actor: Id;
      readonly incarnation: number;
      readonly maxConcurrency: number | undefined;
      readonly groups: Readonly<Record<string, number>>;
      readonly methodGroups: Readonly<Record<string, string>>;
    } & FunctionName)
  | { readonly kind: "call"; readonly method: string; readonly group: string | undefined };

/** A top-level argument that is a reference: its position, the object, its value. */
export type WireArgument = readonly [position: number, object: Id, value: WireValue];

export interface RunMessage {
  readonly type: "run";
  readonly task: Id;
  readonly label: string;
  readonly work: Work;
  /** The arguments as one list, with undefined where a reference stands. */
  readonly args: WireValue;
  readonly references: readonly WireArgument[];
  readonly numReturns: number;
  readonly attempt: number;
  /** Stream items that may be on their way or unread at once. */
  readonly window: number;
  /** Devices the task may use, for CUDA_VISIBLE_DEVICES; undefined without GPUs. */
  readonly gpuIds?: readonly number[];
  readonly after?: After;
}

export type ToWorker =
  | RunMessage
  | { readonly type: "credit"; readonly task: Id; readonly count: number }
  | { readonly type: "cancel"; readonly task: Id; readonly force: boolean; readonly recursive: boolean }
  /** The process of that index may call the actor here directly. */
  | { readonly type: "admit"; readonly caller: number; readonly request: number }
  /** The head knows of a call that runs here and came from another process. */
  | { readonly type: "adopted"; readonly task: Id }
  /** Of a direct call of this process, by its object. */
  | {
      readonly type: "cancel-direct";
      readonly object: Id;
      readonly force: boolean;
      readonly recursive: boolean;
    }
  /** The answer to an `ask`: outcomes with their parts, plain data, or an error. */
  | { readonly type: "answer"; readonly request: number; readonly outcomes: readonly WireOutcome[] }
  | { readonly type: "reply"; readonly request: number; readonly data: unknown }
  | { readonly type: "refuse"; readonly request: number; readonly error: WireError }
  /** A stream that this process submitted goes on. */
  | { readonly type: "item"; readonly task: Id; readonly value: WireValue; readonly object: Id }
  | { readonly type: "end"; readonly task: Id; readonly error?: WireError }
  /** Of an actor that this process watches. Nothing comes after the status DEAD. */
  | { readonly type: "status"; readonly watch: number; readonly status: ActorStatus }
  | { readonly type: "line"; readonly watch: number; readonly line: WorkerLine }
  /** What do your tasks do? Told by a `stack` with the number of the request. */
  | { readonly type: "stack"; readonly request: number }
  /** Room for objects is short: let go what is not used any more. */
  | { readonly type: "collect" }
  /** Finish what runs, call the instance's `stop`, exit. */
  | { readonly type: "stop" };

/** A value with the references inside it. */
export interface WireResult {
  readonly value: WireValue;
  readonly contains: readonly Id[];
}

/** The methods a handle offers. */
export type MethodTable = readonly string[];

/** The set-up hook of its environment threw: it runs nothing. Heard by `WorkerProcess` alone. */
export interface UnreadyMessage {
  readonly type: "unready";
  readonly error: WireError;
}

/** What the tasks of a worker do. Heard by `WorkerProcess` alone. */
export interface StackReport {
  readonly type: "stack";
  readonly request: number;
  readonly tasks: readonly {
    readonly task: Id;
    readonly name: string;
    /** False for a call that its concurrency group holds back, and a task sent ahead. */
    readonly begun: boolean;
    readonly ageMs: number;
    readonly waits: readonly WaitReport[];
  }[];
  /** What its event loop waits for, beside what it had at its start. */
  readonly resources: Readonly<Record<string, number>>;
}

/** A task waits for `what`, at `stack`. */
export interface WaitReport {
  readonly task: Id;
  readonly what: string;
  readonly stack: readonly string[];
}

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "created"; readonly task: Id; readonly methods: MethodTable }
  | { readonly type: "done"; readonly task: Id; readonly results: readonly WireResult[] }
  /** The task's code threw an error of this name; `typed` when the code chose the error's code itself. */
  | {
      readonly type: "failed";
      readonly task: Id;
      readonly error: WireError;
      readonly name: string;
      readonly typed: boolean;
    }
  | { readonly type: "item"; readonly task: Id; readonly object: Id; readonly result: WireResult }
  | { readonly type: "end"; readonly task: Id }
  /** Runs that were not begun, given back because the running one waits. */
  | { readonly type: "returned"; readonly tasks: readonly Id[] }
  | { readonly type: "hold"; readonly objects: readonly Id[] }
  | { readonly type: "release"; readonly objects: readonly Id[] }
  | {
      readonly type: "submit";
      readonly spec: WireTaskSpec;
      /** It was sent directly, or was meant to be. */
      readonly direct?: HandedOver | "unsent";
    }
  /** The answer to `admit`: the path of the socket, or that there can be none. */
  | { readonly type: "listening"; readonly request: number; readonly path: string | undefined }
  /** Of a direct call: what its code submitted is to be cancelled. */
  | { readonly type: "cancel-children"; readonly task: Id; readonly force: boolean }
  /** An object that is still being written: what is submitted next needs it. It comes as a `settle`. */
  | { readonly type: "ahead"; readonly object: Id }
  | OwnMessage
  | SettleMessage
  | CallReport
  /** The items of a stream that this process submitted are wanted. */
  | { readonly type: "listen"; readonly task: Id }
  | { readonly type: "consumed"; readonly task: Id; readonly count: number }
  | { readonly type: "abandon"; readonly task: Id }
  | { readonly type: "watch"; readonly watch: WatchData; readonly actor: Id }
  | { readonly type: "unwatch"; readonly watch: number }
  | { readonly type: "ask"; readonly request: number; readonly task: Id | undefined; readonly ask: Ask };

/** What a worker asks of the head and waits for. */
export type Ask =
  | { readonly kind: "get"; readonly objects: readonly Id[]; readonly timeoutMs: number | undefined }
  | {
      readonly kind: "wait";
      readonly objects: readonly Id[];
      readonly count: number;
      readonly timeoutMs: number | undefined;
    }
  | { readonly kind: "has-failed"; readonly object: Id }
  /** The task waits for what the head knows nothing of, until this is withdrawn; then it goes on when it has its CPUs again. */
  | { readonly kind: "pause" }
  | { readonly kind: "route"; readonly actor: Id }
  | { readonly kind: "withdraw"; readonly request: number }
  | { readonly kind: "put"; readonly object: Id; readonly result: WireResult }
  | { readonly kind: "room"; readonly bytes: number; readonly mountIsFull: boolean }
  | { readonly kind: "cancel"; readonly object: Id; readonly force: boolean; readonly recursive: boolean }
  | {
      readonly kind: "create";
      readonly spec: WireTaskSpec;
      readonly actor: ActorOptionsData;
      readonly watch: WatchData | undefined;
    }
  | { readonly kind: "named"; readonly name: string; readonly namespace: string }
  | { readonly kind: "group"; readonly group: Id; readonly data: GroupData }
  | { readonly kind: "named-group"; readonly name: string; readonly namespace: string }
  | { readonly kind: "group-ready"; readonly group: Id; readonly timeoutMs: number | undefined }
  | { readonly kind: "ungroup"; readonly group: Id }
  | { readonly kind: "kill"; readonly actor: ActorTarget; readonly noRestart: boolean }
  | { readonly kind: "stop"; readonly actor: ActorTarget; readonly graceMs: number }
  | { readonly kind: "add-node"; readonly node: NodeData }
  | { readonly kind: "remove-node"; readonly node: string }
  | { readonly kind: "drain-node"; readonly node: string; readonly draining: boolean }
  | { readonly kind: "rows"; readonly of: RowKind }
  | { readonly kind: "query"; readonly of: RowKind; readonly query: RowQuery }
  | { readonly kind: "stacks"; readonly timeoutMs: number | undefined };

/** Whether the asking task waits for work of others, and can lend its CPUs meanwhile. */
export function isWaiting({ kind }: Ask): boolean {
  return (
    kind === "get" ||
    kind === "wait" ||
    kind === "create" ||
    kind === "stop" ||
    kind === "group-ready" ||
    kind === "has-failed" ||
    kind === "pause"
  );
}

/** A placement group as it is asked for. */
export interface GroupData {
  readonly name: string | undefined;
  readonly namespace: string;
  readonly detached: boolean;
  readonly strategy: "PACK" | "SPREAD" | "STRICT_PACK" | "STRICT_SPREAD";
  readonly bundles: readonly Readonly<Record<string, number>>[];
}

/** A node as it is added. */
export interface NodeData {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, number>>;
}

/** Where a task may run and what it takes, as plain data. */
export interface PlacementData {
  readonly resources: Readonly<Record<string, number>>;
  readonly strategy: StrategyData;
  /** At most so many of those that name the same group run on one node. */
  readonly perNode?: PerNodeData;
  /** Laid over that of the submitting worker; none is the driver's own. */
  readonly environment?: EnvironmentData;
}

export interface PerNodeData {
  readonly group: string;
  readonly most: number;
}

/** A runtime environment as plain data; see `environments/runtime-env.ts`. Paths are absolute. */
export interface EnvironmentData {
  /** null removes the variable. */
  readonly envVars?: Readonly<Record<string, string | null>>;
  readonly workingDir?: string;
  readonly excludes?: readonly string[];
  readonly modules?: readonly string[];
  readonly npm?: NpmData;
  readonly setupHook?: FunctionName;
  readonly nodeFlags?: readonly string[];
  readonly setupTimeoutMs?: number;
}

export type NpmData =
  | { readonly packages: readonly string[]; readonly allowScripts: boolean }
  | { readonly packageJson: string; readonly allowScripts: boolean };

export type StrategyData =
  | { readonly kind: "DEFAULT" }
  | { readonly kind: "SPREAD" }
  | { readonly kind: "NODE_AFFINITY"; readonly nodeId: string; readonly soft: boolean }
  | { readonly kind: "LABELS"; readonly selectors: readonly Readonly<Record<string, string>>[] }
  | { readonly kind: "PLACEMENT_GROUP"; readonly group: Id; readonly bundle: number };

export type RetryOn = "none" | "all" | readonly string[];

/** A task, an actor's creation or a call as it is submitted. */
export interface WireTaskSpec {
  readonly task: Id;
  readonly label: string;
  readonly work: Work;
  /** Of a call: whose. */
  readonly actor: Id | undefined;
  /** Parts of the arguments' list. */
  readonly args: WireValue;
  readonly references: readonly (readonly [position: number, object: Id])[];
  /** References inside arguments. */
  readonly contains: readonly Id[];
  readonly numReturns: number;
  readonly placement: PlacementData;
  readonly maxRetries: number;
  readonly retryOn: RetryOn;
  readonly timeoutMs: number | undefined;
  readonly window: number;
  readonly parent: Id | undefined;
  readonly maxCalls: number;
  readonly after?: After;
}

export interface ActorOptionsData {
  readonly name: string | undefined;
  readonly namespace: string;
  readonly getIfExists: boolean;
  readonly detached: boolean;
  readonly maxRestarts: number;
  readonly maxTaskRetries: number;
  readonly maxPendingCalls: number;
  readonly allowOutOfOrderExecution: boolean;
  readonly essential: boolean;
  readonly startTimeoutMs: number | undefined;
}

/** An actor, by itself or by its name. */
export type ActorTarget = Id | ActorName;

export interface ActorName {
  readonly name: string;
  readonly namespace: string;
}

/** A state an actor has entered. */
export interface ActorStatus {
  readonly state:
    | "DEPENDENCIES_UNREADY"
    | "PENDING_CREATION"
    | "CREATING"
    | "ALIVE"
    | "RESTARTING"
    | "STOPPING"
    | "DEAD";
  /** Why; for PENDING_CREATION what is short, such as `needs 4 num_cpus, 2 free of 8`. */
  readonly reason: string;
  /** Counts its processes from 1; 0 of an actor that nothing is known of any more. */
  readonly incarnation: number;
  /** Of the process it has in this state. */
  readonly pid: number | undefined;
  /** Where it has its resources; undefined while it has none. */
  readonly nodeId: string | undefined;
}

/** A process's watch of an actor, by a number of that process, and what it wants to be told. */
export interface WatchData {
  readonly id: number;
  readonly statuses: boolean;
  readonly lines: boolean;
}

/** What a handle is made of. */
export interface ActorData {
  readonly actor: Id;
  readonly label: string;
  readonly methods: MethodTable;
  readonly maxTaskRetries: number;
}
