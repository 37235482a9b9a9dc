// The life of actors: created on a worker of their own, restarted when it crashes, stopped, ended. Their calls are
// in actor-calls.ts.
//
// 1. When an actor dies, its queued and running calls fail with ACTOR_DIED.
// 2. The lease is held from the grant to the end of the process, in each incarnation anew.
// 3. An actor that nobody has a handle to, and that is not detached, is stopped once its calls are over.
// 4. A name is taken from creation to death.
// 5. Once its process is to end for good, nothing that is heard of it later starts it again.
// 6. Its arguments are held as long as it may have to be created again.

import { type Clock, ShoalError, type Timer } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";
import { describeExit, type ExitReason } from "./exit-reason.ts";
import type { ActorWatcher, TaskSpec } from "../api/core.ts";
import { showId } from "../api/ids.ts";
import { DEFAULT_BACKOFF, decideRestart } from "./restart-policy.ts";
import type { Lease, Scheduler } from "../scheduling/index.ts";
import type { ActorData, ActorOptionsData, ActorTarget, Id, MethodTable } from "../workers/messages.ts";
import type { ActorCalls } from "./actor-calls.ts";
import { type ActorRecord, FORGOTTEN, UNREADY } from "./actor-record.ts";
import type { ActorWatches } from "./actor-watches.ts";
import type { ObjectDirectory } from "./object-directory.ts";
import type { TaskRecord } from "./task-record.ts";
import type { TaskTable } from "./task-table.ts";
import type { Worker } from "./worker.ts";

export interface ActorTableOptions {
  readonly directory: ObjectDirectory;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: () => TaskTable;
  readonly calls: () => ActorCalls;
  readonly watches: ActorWatches;
  readonly takeWorker: (spec: TaskSpec) => Worker;
  /** A creation is over: its worker has loaded what it needs, or is gone. */
  readonly onPlaced: () => void;
  /** Sends the creation to a worker. */
  readonly create: (actor: ActorRecord, worker: Worker, lease: Lease) => void;
}

/** How long a stopped actor may go on with what runs; Ray's figure. */
const STOP_GRACE_MS = 30_000;

export class ActorTable {
  readonly #options: ActorTableOptions;
  readonly #records = new Map<Id, ActorRecord>();
  readonly #names = new Map<string, ActorRecord>();
  /** Why nothing is created any more. */
  #closed: ShoalError | undefined;

  constructor(options: ActorTableOptions) {
    this.#options = options;
  }

  records(): IterableIterator<ActorRecord> {
    return this.#records.values();
  }

  /** Resolves once the actor can be called; its handle is held for the caller. Rejects with what its creation threw. */
  async create(creation: TaskSpec, options: ActorOptionsData): Promise<ActorData> {
    if (this.#closed !== undefined) throw this.#closed;
    const key = nameKey(options);
    const named = key === undefined ? undefined : this.#names.get(key);
    if (named !== undefined) {
      if (options.getIfExists) {
        this.#options.watches.redirect(creation.task, named);
        return await this.#known(named);
      }
      const what = `Cannot create actor "${options.name}": the name is taken in namespace "${options.namespace}"`;
      throw new ShoalError("INVALID_ARGUMENT", what);
    }
    const { directory } = this.#options;
    const record: ActorRecord = {
      id: creation.task,
      label: creation.label,
      createdEpochMs: this.#options.clock.epochMs(),
      creation,
      options,
      created: Promise.withResolvers(),
      ended: Promise.withResolvers(),
      held: { kind: "DEPENDENCIES_UNREADY" },
      status: UNREADY,
      methods: [],
      restarts: 0,
      streak: 0,
      incarnation: 1,
      queue: [],
      pending: 0,
      orphans: [],
      lastLoss: undefined,
      intent: undefined,
      holdsArguments: true,
    };
    this.#records.set(record.id, record);
    if (key !== undefined) this.#names.set(key, record); // invariant 4
    directory.create(record.id, `actor ${record.label}`);
    if (options.detached) directory.hold(record.id);
    for (const object of argumentsOf(creation)) directory.hold(object);
    this.#awaitArguments(record);
    try {
      return dataOf(record, await record.created.promise);
    } catch (error) {
      directory.release(record.id); // no handle comes of it
      throw error;
    }
  }

  /** Kills every actor, and refuses those to come. */
  close(error: ShoalError): void {
    this.#closed = error;
    for (const { id } of Array.from(this.#records.values())) this.kill(id, true);
  }

  /** Tells `watcher` the actor's present state, and what comes. */
  watch(actor: Id, watcher: ActorWatcher): Disposable {
    const status = this.#records.get(actor)?.status ?? FORGOTTEN;
    const { watches } = this.#options;
    const watch = status.state === "DEAD" ? undefined : watches.add(actor, watcher);
    watcher.onStatus?.(status);
    return { [Symbol.dispose]: () => watch?.[Symbol.dispose]() };
  }

  /** Throws NOT_FOUND for a name that no actor has. */
  idOf(target: ActorTarget): Id {
    return typeof target === "number" ? target : this.#named(target.name, target.namespace).id;
  }

  async named(name: string, namespace: string): Promise<ActorData> {
    return await this.#known(this.#named(name, namespace));
  }

  find(actor: Id): ActorRecord | undefined {
    return this.#records.get(actor);
  }

  onCreated(record: ActorRecord, methods: MethodTable): void {
    const { held } = record;
    if (held.kind !== "CREATING") return;
    record.methods = methods;
    held.startTimer?.cancel();
    const sinceMs = this.#options.clock.nowMs();
    this.#enter(record, { kind: "ALIVE", worker: held.worker, lease: held.lease, sinceMs }, "created");
    record.created.resolve(methods);
    if (record.options.maxRestarts === 0) this.#releaseArguments(record); // invariant 6
    this.#options.calls().pump(record);
  }

  /** Its creation threw; `final` when trying again cannot help. */
  onCreationFailed(record: ActorRecord, error: ShoalError, final: boolean): void {
    if (record.held.kind !== "CREATING" || record.intent?.noRestart === true) return; // invariant 5
    record.intent = { noRestart: false, reason: { kind: "CREATION_FAILED", error, final } };
    record.held.worker.kill(error.message);
  }

  /** The process of the actor is gone; `calls` were running on it. */
  onWorkerEnd(record: ActorRecord, crash: ExitReason, calls: readonly TaskRecord[]): void {
    const { held, intent, options } = record;
    if (held.kind === "CREATING" || held.kind === "ALIVE" || held.kind === "STOPPING") held.lease.release();
    if (held.kind === "STOPPING") held.timer.cancel();
    if (held.kind === "CREATING") held.startTimer?.cancel();
    if (held.kind === "ALIVE" && this.#options.clock.nowMs() - held.sinceMs >= DEFAULT_BACKOFF.stableMs) {
      record.streak = 0;
    }
    const reason = intent?.reason ?? crash;
    record.intent = undefined;
    const decision =
      intent?.noRestart === true
        ? ({ kind: "final", why: "no restart was wanted" } as const)
        : decideRestart(intent?.reason.kind === "KILLED" ? crash : reason, record, {
            maxRestarts: options.maxRestarts,
            backoff: DEFAULT_BACKOFF,
          });
    if (decision.kind === "final") this.#die(record, deathOf(record, reason), calls);
    else this.#restart(record, { reason, delayMs: decision.delayMs }, calls);
  }

  /** Its process went before it could do anything: another one is started, which is no restart. */
  onUnborn(record: ActorRecord, crash: ExitReason): void {
    const { held, intent } = record;
    if (held.kind !== "CREATING" || intent !== undefined) {
      this.onWorkerEnd(record, crash, []);
      return;
    }
    held.startTimer?.cancel();
    held.lease.release();
    this.#schedule(record);
  }

  /** Ray's kill: SIGKILL at once; it is restarted unless `noRestart`, as far as restarts are left. */
  kill(actor: Id, noRestart: boolean): void {
    const record = this.#records.get(actor);
    if (record === undefined || record.held.kind === "DEAD") return;
    const { held } = record;
    const reason: ExitReason = { kind: "KILLED" };
    if (held.kind === "CREATING" || held.kind === "ALIVE" || held.kind === "STOPPING") {
      record.intent = { noRestart: noRestart || record.intent?.noRestart === true, reason }; // invariant 5
      held.worker.kill("the actor was killed");
    } else if (noRestart) {
      if (held.kind === "PENDING_CREATION") held.ticket.cancel();
      if (held.kind === "RESTARTING") held.timer.cancel();
      this.#die(record, deathOf(record, reason), []);
    }
  }

  /** Invariant 3: nobody has a handle any more, and calls hold it too. */
  onUnreachable(actor: Id): void {
    const record = this.#records.get(actor);
    if (record === undefined) return;
    if (record.held.kind === "DEAD") this.#records.delete(actor);
    else if (record.held.kind !== "STOPPING") this.#stop(record, STOP_GRACE_MS, "nobody has a handle to it");
  }

  /**
   * Lets it finish what runs, within `graceMs`, and call its `stop`; one that cannot be called yet is killed. Resolves
   * when it is dead.
   */
  async stop(actor: Id, graceMs: number): Promise<void> {
    const record = this.#records.get(actor);
    if (record === undefined) return;
    this.#stop(record, graceMs, "it was stopped");
    await record.ended.promise;
  }

  #stop(record: ActorRecord, graceMs: number, why: string): void {
    const { held } = record;
    if (held.kind !== "ALIVE" && held.kind !== "STOPPING") {
      this.kill(record.id, true);
      return;
    }
    const { worker, lease } = held;
    if (held.kind === "STOPPING") held.timer.cancel();
    else {
      record.intent = { noRestart: true, reason: { kind: "INTENDED", exitCode: 0, signal: null } };
      worker.stop();
    }
    const timer = this.#options.clock.timer(graceMs, () => worker.kill("the actor did not stop in time"));
    this.#enter(record, { kind: "STOPPING", worker, lease, timer }, why);
  }

  /** Invariant 6; the second time nothing. */
  #releaseArguments(record: ActorRecord): void {
    if (!record.holdsArguments) return;
    record.holdsArguments = false;
    for (const object of argumentsOf(record.creation)) this.#options.directory.release(object);
  }

  #named(name: string, namespace: string): ActorRecord {
    const record = this.#names.get(`${namespace}/${name}`);
    if (record !== undefined) return record;
    const what = `Cannot find actor "${name}": there is none in namespace "${namespace}"`;
    throw new ShoalError("NOT_FOUND", what);
  }

  async #known(record: ActorRecord): Promise<ActorData> {
    this.#options.directory.hold(record.id);
    try {
      return dataOf(record, await record.created.promise);
    } catch (error) {
      this.#options.directory.release(record.id);
      throw error;
    }
  }

  #awaitArguments(record: ActorRecord): void {
    const { references } = record.creation;
    let missing = references.length;
    if (missing === 0) this.#schedule(record);
    for (const [, object] of references) {
      this.#options.directory.whenSettled(object, (entry) => {
        if (record.held.kind === "DEAD") return;
        if (entry.state.kind === "FAILED") this.#die(record, entry.state.error, []);
        else if (--missing === 0) this.#schedule(record);
      });
    }
  }

  #schedule(record: ActorRecord): void {
    const fail = (why: string): void => {
      const what = `Cannot create actor "${record.label}": ${why}`;
      this.#die(record, new ShoalError("RESOURCES_UNAVAILABLE", what), []);
    };
    const { kind, message, ticket } = this.#options.scheduler.request(record.creation.placement, {
      onInfeasible: fail,
      onLost: () => {
        const { held } = record;
        if (held.kind === "CREATING" || held.kind === "ALIVE")
          held.worker.kill("its node or placement group is gone");
      },
      onGranted: (lease) => {
        const worker = this.#options.takeWorker(record.creation);
        worker.actor = record.id;
        worker.nodeId = lease.nodeId;
        const startTimer = this.#startTimer(record, worker);
        this.#enter(record, { kind: "CREATING", worker, lease, startTimer }, "granted");
        this.#options.create(record, worker, lease);
      },
    });
    if (kind === "infeasible") fail(message);
    else if (kind === "queued") this.#enter(record, { kind: "PENDING_CREATION", ticket }, message);
  }

  #startTimer(record: ActorRecord, worker: Worker): Timer | undefined {
    const { startTimeoutMs } = record.options;
    if (startTimeoutMs === undefined) return undefined;
    return this.#options.clock.timer(startTimeoutMs, () => {
      record.intent ??= { noRestart: false, reason: { kind: "START_TIMEOUT", timeoutMs: startTimeoutMs } };
      worker.kill("its creation took too long");
    });
  }

  #restart(
    record: ActorRecord,
    { reason, delayMs }: { readonly reason: ExitReason; readonly delayMs: number },
    calls: readonly TaskRecord[],
  ): void {
    record.restarts++;
    record.streak++;
    record.incarnation++;
    const timer = this.#options.clock.timer(delayMs, () => this.#schedule(record));
    this.#enter(record, { kind: "RESTARTING", timer, delayMs }, describeExit(reason));
    const error = new ShoalError(
      "ACTOR_UNAVAILABLE",
      `Actor "${record.label}" ${describeExit(reason)}, it is being restarted`,
      { retryAfterMs: delayMs },
    );
    record.lastLoss = error;
    for (const call of [...calls, ...record.orphans.splice(0)]) this.#options.tasks().lost(call, error);
  }

  /** Invariant 1. */
  #die(record: ActorRecord, error: ShoalError, calls: readonly TaskRecord[]): void {
    this.#enter(record, { kind: "DEAD", error }, error.message);
    const key = nameKey(record.options);
    if (key !== undefined && this.#names.get(key) === record) this.#names.delete(key); // invariant 4
    const died =
      error.code === "ACTOR_DIED" ? error : new ShoalError("ACTOR_DIED", error.message, { cause: error });
    for (const call of [...calls, ...record.orphans.splice(0), ...record.queue]) {
      this.#options.tasks().fail(call, died);
    }
    record.queue.length = 0;
    record.created.promise.catch(() => undefined);
    record.created.reject(error);
    record.ended.resolve();
    const { directory } = this.#options;
    this.#releaseArguments(record);
    if (record.options.detached) directory.release(record.id);
    if (directory.find(record.id) === undefined) this.#records.delete(record.id);
  }

  #enter(record: ActorRecord, to: ActorRecord["held"], why: string): void {
    const fields = { actor: showId(record.id), incarnation: record.incarnation };
    this.#options.log.info(fields, `${record.label}: ${record.held.kind} → ${to.kind} (${why})`);
    if (record.held.kind === "CREATING") this.#options.onPlaced();
    record.held = to;
    const pid = "worker" in to ? to.worker.pid : undefined;
    const nodeId = "lease" in to ? to.lease.nodeId : undefined;
    record.status = { state: to.kind, reason: why, incarnation: record.incarnation, pid, nodeId };
    this.#options.watches.status(record.id, record.status);
  }
}

function argumentsOf({ references, contains }: TaskSpec): Id[] {
  return [...references.map(([, object]) => object), ...contains];
}

function dataOf({ id, label, options }: ActorRecord, methods: MethodTable): ActorData {
  return { actor: id, label, methods, maxTaskRetries: options.maxTaskRetries };
}

function nameKey({ name, namespace }: ActorOptionsData): string | undefined {
  return name === undefined ? undefined : `${namespace}/${name}`;
}

function deathOf({ label }: ActorRecord, reason: ExitReason): ShoalError {
  if (reason.kind === "CREATION_FAILED") return reason.error;
  if (reason.kind === "START_TIMEOUT") {
    const { timeoutMs } = reason;
    return new ShoalError(
      "DEADLINE_EXCEEDED",
      `Cannot create actor "${label}": not ready after ${timeoutMs} ms`,
    );
  }
  return new ShoalError("ACTOR_DIED", `Actor "${label}" is dead: ${describeExit(reason)}`);
}
