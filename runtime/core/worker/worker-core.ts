// The core of a worker's runtime: everything is asked of the head, over the channel.
//
// 1. An answer finds its asker by the number of the request; one that is no longer waited for is dropped.
// 2. What an actor or task waits for is told with its id, so that the head can use its CPUs meanwhile.

import { asShoalError, ShoalError } from "../../base/index.ts";
import { abortError } from "../abort-error.ts";
import type {
  ActorWatcher,
  CancelOptions,
  Core,
  Outcome,
  Parts,
  StreamSink,
  TaskSpec,
  WaitOptions,
} from "../api/core.ts";
import { IdSource } from "../api/ids.ts";
import {
  type ActorData,
  type ActorOptionsData,
  type ActorTarget,
  type Ask,
  type GroupData,
  type Id,
  isWaiting,
  type NodeData,
  type ToWorker,
  type WaitReport,
  type WatchData,
} from "../workers/messages.ts";
import type { RouteAnswer } from "../workers/direct-messages.ts";
import { framesOf } from "../stacks/frames.ts";
import type { StacksOptions, WorkerStack } from "../stacks/worker-stack.ts";
import type { QueriedRows, RowKind, RowKinds, RowQuery } from "../state/index.ts";
import type { Link } from "./link.ts";
import { taskContext } from "./task-context.ts";

interface Asker {
  /** What is waited for, where and by which task; undefined for what is answered at once. */
  readonly wait: Wait | undefined;
  onAnswer(message: Extract<ToWorker, { type: "answer" | "reply" }>, parts: Parts): void;
  onRefusal(error: ShoalError): void;
}

interface Wait {
  readonly task: Id | undefined;
  readonly ask: Ask;
  /** Its text is made only when somebody wants it. */
  readonly where: Error;
}

/** Told when the running task begins and ends to wait for others. */
export interface Waits {
  beginWait(): void;
  endWait(): void;
}

type AnswerMessage = Extract<ToWorker, { type: "answer" | "reply" | "refuse" }>;

export class WorkerCore implements Core {
  readonly ids: IdSource;
  readonly #link: Link;
  readonly #waits: Waits;
  readonly #askers = new Map<number, Asker>();
  readonly #sinks = new Map<Id, StreamSink>();
  readonly #watchers = new Map<number, ActorWatcher>();
  #lastRequest = 0;
  #lastWatch = 0;

  constructor(processIndex: number, link: Link, waits: Waits) {
    this.ids = new IdSource(processIndex);
    this.#link = link;
    this.#waits = waits;
  }

  currentTask(): Id | undefined {
    return taskContext.getStore()?.taskId;
  }

  submit(spec: TaskSpec): void {
    const { args, ...rest } = spec;
    this.#link.send({ type: "submit", spec: { ...rest, args: args.length } }, args);
  }

  listen(task: Id, sink: StreamSink): void {
    this.#sinks.set(task, sink);
    this.#link.send({ type: "listen", task });
  }

  consumed(task: Id, count: number): void {
    this.#link.send({ type: "consumed", task, count });
  }

  abandon(task: Id): void {
    this.#sinks.delete(task);
    this.#link.send({ type: "abandon", task });
  }

  async createActor(spec: TaskSpec, actor: ActorOptionsData, watcher?: ActorWatcher): Promise<ActorData> {
    const { args, ...rest } = spec;
    const watch = watcher === undefined ? undefined : this.#watch(watcher);
    const ask = { kind: "create", spec: { ...rest, args: args.length }, actor, watch } as const;
    try {
      return (await this.#ask(ask, args)) as ActorData;
    } catch (error) {
      if (watch !== undefined) this.#watchers.delete(watch.id);
      throw error;
    }
  }

  watchActor(actor: Id, watcher: ActorWatcher): Disposable {
    const watch = this.#watch(watcher);
    if (watch !== undefined) this.#link.send({ type: "watch", watch, actor });
    return {
      [Symbol.dispose]: () => {
        if (watch !== undefined && this.#watchers.delete(watch.id))
          this.#link.send({ type: "unwatch", watch: watch.id });
      },
    };
  }

  async namedActor(name: string, namespace: string): Promise<ActorData> {
    return (await this.#ask({ kind: "named", name, namespace })) as ActorData;
  }

  async killActor(actor: ActorTarget, noRestart: boolean): Promise<void> {
    await this.#ask({ kind: "kill", actor, noRestart });
  }

  async stopActor(target: ActorTarget | undefined, graceMs: number): Promise<void> {
    const actor = target ?? taskContext.getStore()?.actorId;
    if (actor === undefined) throw new ShoalError("UNSUPPORTED", "Cannot exit: this is a task, no actor");
    await this.#ask({ kind: "stop", actor, graceMs });
  }

  async put(object: Id, parts: Parts, contains: readonly Id[]): Promise<void> {
    const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0);
    const stored = await this.#link.store(object, { parts, byteLength, contains });
    const told = this.#ask({ kind: "put", object, result: stored.result }, stored.parts);
    // Whatever is said of the object comes behind this. A loop of small ones has to wait for the head, though; one of
    // large ones did when it asked for room.
    if (typeof stored.result.value === "number") await told;
    else told.catch(() => undefined); // there is no head any more
  }

  putAhead(object: Id, parts: Parts): void {
    this.#link.send({ type: "ahead", object });
    void this.#settleAhead(object, parts);
  }

  async #settleAhead(object: Id, parts: Parts): Promise<void> {
    try {
      const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0);
      const { result, parts: own } = await this.#link.store(object, { parts, byteLength, contains: [] });
      this.#link.send({ type: "settle", object, outcome: { value: result.value } }, own);
    } catch (thrown) {
      const error = asShoalError(thrown, "INTERNAL", "Cannot store the arguments").toWire();
      this.#link.send({ type: "settle", object, outcome: { error } });
    }
  }

  async addNode(node: NodeData): Promise<void> {
    await this.#ask({ kind: "add-node", node });
  }

  async removeNode(node: string): Promise<void> {
    await this.#ask({ kind: "remove-node", node });
  }

  async drainNode(node: string, draining: boolean): Promise<void> {
    await this.#ask({ kind: "drain-node", node, draining });
  }

  async createGroup(group: Id, data: GroupData): Promise<void> {
    await this.#ask({ kind: "group", group, data });
  }

  async namedGroup(name: string, namespace: string): Promise<Id> {
    return (await this.#ask({ kind: "named-group", name, namespace })) as Id;
  }

  async groupReady(group: Id, { timeoutMs, signal }: WaitOptions): Promise<void> {
    await this.#ask({ kind: "group-ready", group, timeoutMs }, [], signal);
  }

  async removeGroup(group: Id): Promise<void> {
    await this.#ask({ kind: "ungroup", group });
  }

  /** Asks the head for room in the object store, and perhaps a file to write over. */
  async room(bytes: number, mountIsFull: boolean): Promise<string | undefined> {
    return (await this.#ask({ kind: "room", bytes, mountIsFull })) as string | undefined;
  }

  async get(objects: readonly Id[], { timeoutMs, signal }: WaitOptions): Promise<Outcome[]> {
    return (await this.#ask({ kind: "get", objects, timeoutMs }, [], signal)) as Outcome[];
  }

  async wait(objects: readonly Id[], count: number, options: WaitOptions): Promise<ReadonlySet<Id>> {
    const { timeoutMs, signal } = options;
    const ready = await this.#ask({ kind: "wait", objects, count, timeoutMs }, [], signal);
    return new Set(ready as readonly Id[]);
  }

  async hasFailed(object: Id): Promise<boolean> {
    return (await this.#ask({ kind: "has-failed", object })) as boolean;
  }

  async rows<Kind extends RowKind>(kind: Kind): Promise<RowKinds[Kind][]> {
    return (await this.#ask({ kind: "rows", of: kind })) as RowKinds[Kind][];
  }

  async query<Kind extends RowKind>(kind: Kind, query: RowQuery): Promise<QueriedRows<RowKinds[Kind]>> {
    return (await this.#ask({ kind: "query", of: kind, query })) as QueriedRows<RowKinds[Kind]>;
  }

  async stacks({ timeoutMs }: StacksOptions): Promise<WorkerStack[]> {
    return (await this.#ask({ kind: "stacks", timeoutMs })) as WorkerStack[];
  }

  /** How to call an actor directly; never rejects. */
  async route(actor: Id): Promise<RouteAnswer> {
    try {
      return (await this.#ask({ kind: "route", actor })) as RouteAnswer;
    } catch {
      return { kind: "later" };
    }
  }

  /** The task waits for what the head knows nothing of. Returns how to end that: resolves when it has its CPUs again. */
  pause(task: Id): () => Promise<void> {
    const request = ++this.#lastRequest;
    const resumed = Promise.withResolvers<void>();
    const resume = (): void => resumed.resolve();
    this.#askers.set(request, { wait: undefined, onAnswer: resume, onRefusal: resume });
    this.#link.send({ type: "ask", request, task, ask: { kind: "pause" } });
    return () => {
      this.#link.send({ type: "ask", request: 0, task: undefined, ask: { kind: "withdraw", request } });
      return resumed.promise;
    };
  }

  async cancel(object: Id, options: CancelOptions): Promise<void> {
    await this.#ask({ kind: "cancel", object, ...options });
  }

  /** The head knows of every object here. */
  share(_objects: readonly Id[]): void {}

  hold(objects: readonly Id[]): void {
    this.#link.send({ type: "hold", objects });
  }

  release(objects: readonly Id[]): void {
    this.#link.send({ type: "release", objects });
  }

  /** What tasks wait for at this moment. */
  waits(): WaitReport[] {
    return [...this.#askers.values()].flatMap(({ wait }) =>
      wait?.task === undefined
        ? []
        : { task: wait.task, what: describeAsk(wait.ask), stack: framesOf(wait.where.stack) },
    );
  }

  onAnswer(message: AnswerMessage, parts: Parts): void {
    const asker = this.#askers.get(message.request);
    if (asker === undefined) return; // invariant 1
    this.#askers.delete(message.request);
    if (message.type === "refuse") asker.onRefusal(ShoalError.fromWire(message.error));
    else asker.onAnswer(message, parts);
  }

  onItem(message: Extract<ToWorker, { type: "item" }>, parts: Parts): void {
    const sink = this.#sinks.get(message.task);
    if (sink === undefined) return;
    try {
      sink.onItem(this.#link.reader(parts)(message.object, message.value));
    } catch (thrown) {
      sink.onEnd(asShoalError(thrown, "OBJECT_LOST"));
      this.abandon(message.task);
    }
  }

  onEnd(message: Extract<ToWorker, { type: "end" }>): void {
    const sink = this.#sinks.get(message.task);
    this.#sinks.delete(message.task);
    sink?.onEnd(message.error === undefined ? undefined : ShoalError.fromWire(message.error));
  }

  onStatus({ watch, status }: Extract<ToWorker, { type: "status" }>): void {
    const watcher = this.#watchers.get(watch);
    if (status.state === "DEAD") this.#watchers.delete(watch);
    // What is undefined has no place in the message.
    watcher?.onStatus?.({ ...status, pid: status.pid, nodeId: status.nodeId });
  }

  onLine({ watch, line }: Extract<ToWorker, { type: "line" }>): void {
    this.#watchers.get(watch)?.onLine?.({ ...line, name: line.name });
  }

  /** Undefined for one that wants to be told nothing. */
  #watch(watcher: ActorWatcher): WatchData | undefined {
    const data = {
      id: ++this.#lastWatch,
      statuses: watcher.onStatus !== undefined,
      lines: watcher.onLine !== undefined,
    };
    if (!data.statuses && !data.lines) return undefined;
    this.#watchers.set(data.id, watcher);
    return data;
  }

  #ask(ask: Ask, parts: Parts = [], signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError(signal.reason, "Cannot wait for objects"));
        return;
      }
      const request = ++this.#lastRequest;
      const onAbort = (): void => {
        this.#askers.delete(request);
        done();
        this.#link.send({ type: "ask", request: 0, task: undefined, ask: { kind: "withdraw", request } });
        reject(abortError(signal?.reason, "Cannot wait for objects"));
      };
      const waits = isWaiting(ask);
      const done = (): void => {
        if (waits) this.#waits.endWait();
        signal?.removeEventListener("abort", onAbort);
      };
      this.#askers.set(request, {
        wait: waits ? { task: this.currentTask(), ask, where: new Error() } : undefined,
        onAnswer: (message, answerParts) => {
          done();
          resolve(this.#answerOf(ask, message, answerParts));
        },
        onRefusal: (error) => {
          done();
          reject(error);
        },
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      if (waits) this.#waits.beginWait();
      this.#link.send({ type: "ask", request, task: this.currentTask(), ask }, parts); // invariant 2
    });
  }

  /** Rejects when an object that was there is lost. */
  async #answerOf(
    ask: Ask,
    message: Extract<ToWorker, { type: "answer" | "reply" }>,
    parts: Parts,
  ): Promise<unknown> {
    return message.type === "reply" ? message.data : this.#outcomes(ask, message.outcomes, parts);
  }

  #outcomes(ask: Ask, outcomes: Extract<ToWorker, { type: "answer" }>["outcomes"], parts: Parts): Outcome[] {
    const objects = ask.kind === "get" ? ask.objects : [];
    const read = this.#link.reader(parts);
    return outcomes.map((outcome, index): Outcome => {
      if ("error" in outcome) return { kind: "error", error: ShoalError.fromWire(outcome.error) };
      return { kind: "value", parts: read(objects[index] ?? 0, outcome.value) };
    });
  }
}

function describeAsk(ask: Ask): string {
  if (ask.kind === "get" || ask.kind === "wait") {
    const { kind, objects } = ask;
    return `${kind} of ${objects.length} ${objects.length === 1 ? "object" : "objects"}`;
  }
  return ask.kind === "create" ? `creation of ${ask.spec.label}` : ask.kind;
}
