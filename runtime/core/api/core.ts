// The one interface under the API: the head itself in the driver, a channel to it in a worker.

import type { ShoalError } from "../../base/index.ts";
import type {
  ActorData,
  ActorOptionsData,
  ActorStatus,
  ActorTarget,
  GroupData,
  Id,
  NodeData,
  WireTaskSpec,
} from "../workers/messages.ts";
import type { StacksOptions, WorkerStack } from "../stacks/worker-stack.ts";
import type { WorkerLine } from "../logs/worker-logs.ts";
import type { QueriedRows, RowKind, RowKinds, RowQuery } from "../state/index.ts";
import type { IdSource } from "./ids.ts";

/** An encoded value: its head and the large binary parts. */
export type Parts = readonly Uint8Array[];

/** An object as its reader gets it. `parts` may be views on shared memory. */
export type Outcome =
  | { readonly kind: "value"; readonly parts: Parts }
  | { readonly kind: "error"; readonly error: ShoalError };

/** What is sent with a task: its arguments' list, encoded. */
export interface TaskSpec extends Omit<WireTaskSpec, "args"> {
  readonly args: Parts;
}

/** `force` kills the worker of a task that runs, `recursive` is for what its code submitted. */
export interface CancelOptions {
  readonly force: boolean;
  readonly recursive: boolean;
}

export interface WaitOptions {
  /** Without it, as long as it takes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A stream's way back to the process that submitted it. */
export interface StreamSink {
  onItem(parts: Parts): void;
  onEnd(error: ShoalError | undefined): void;
}

/** Who is told of an actor: of each state it enters, of each line that its processes print. */
export interface ActorWatcher {
  readonly onStatus?: ((status: ActorStatus) => void) | undefined;
  /** Lines come before the status that tells of the end of their process. What comes too fast is dropped, a line tells how much. */
  readonly onLine?: ((line: WorkerLine) => void) | undefined;
}

export interface Core {
  readonly ids: IdSource;
  /** The task whose code asks, for the tree of children. */
  currentTask(): Id | undefined;
  /** Never throws: what goes wrong is the outcome of the returned objects. Their references are held already. */
  submit(spec: TaskSpec): void;
  /** Asks for the items of a task that this process submitted, from the first that was not read yet. */
  listen(task: Id, sink: StreamSink): void;
  consumed(task: Id, count: number): void;
  /** Nobody will read the stream any more: its task is cancelled, unless it has ended, and its items are let go. */
  abandon(task: Id): void;
  createActor(spec: TaskSpec, options: ActorOptionsData, watcher?: ActorWatcher): Promise<ActorData>;
  namedActor(name: string, namespace: string): Promise<ActorData>;
  /** Told of the present state first, after this has returned. Nothing more is told after DEAD, or once it is disposed of. */
  watchActor(actor: Id, watcher: ActorWatcher): Disposable;
  killActor(actor: ActorTarget, noRestart: boolean): Promise<void>;
  /** Resolves when it is dead; of the running actor, without an id, at once. */
  stopActor(actor: ActorTarget | undefined, graceMs: number): Promise<void>;
  addNode(node: NodeData): Promise<void>;
  removeNode(id: string): Promise<void>;
  drainNode(id: string, draining: boolean): Promise<void>;
  createGroup(group: Id, data: GroupData): Promise<void>;
  namedGroup(name: string, namespace: string): Promise<Id>;
  groupReady(group: Id, options: WaitOptions): Promise<void>;
  removeGroup(group: Id): Promise<void>;
  /** Stores a value under an id that is held already. */
  put(object: Id, parts: Parts, contains: readonly Id[]): Promise<void>;
  /**
   * The same of a large value, known and held at once, for what is submitted next: that holds the references inside. What goes
   * wrong is the object's outcome.
   */
  putAhead(object: Id, parts: Parts): void;
  /** Outcomes in the order of `objects`; rejects with DEADLINE_EXCEEDED or CANCELLED only. */
  get(objects: readonly Id[], options: WaitOptions): Promise<Outcome[]>;
  /** The objects that are ready, once `count` are or the time has passed. */
  wait(objects: readonly Id[], count: number, options: WaitOptions): Promise<ReadonlySet<Id>>;
  /** Resolves once an object is there, or is not to be: whether it failed. */
  hasFailed(object: Id): Promise<boolean>;
  /** A table of the state, all of it. */
  rows<Kind extends RowKind>(kind: Kind): Promise<Iterable<RowKinds[Kind]>>;
  query<Kind extends RowKind>(kind: Kind, query: RowQuery): Promise<QueriedRows<RowKinds[Kind]>>;
  /** Where every worker stands. */
  stacks(options: StacksOptions): Promise<WorkerStack[]>;
  cancel(object: Id, options: CancelOptions): Promise<void>;
  /** References to these are about to leave this process. */
  share(objects: readonly Id[]): void;
  hold(objects: readonly Id[]): void;
  release(objects: readonly Id[]): void;
}
