// The life of actors: created on a worker of their own, called, restarted when it crashes, ended.
//
// 1. A dead actor answers everything at once: its queued, running and later calls fail with ACTOR_DIED.
// 2. The lease is held from the grant to the end of the process, in each incarnation anew.
// 3. An actor that nobody has a handle to, and that is not detached, is stopped once its calls are over.
// 4. A name is taken from creation to death.

import { type Clock, type Logger, ShoalError } from "../../base/index.ts";
import { describeExit, type ExitReason } from "../actor-state.ts";
import type { TaskSpec } from "../api/core.ts";
import { showId } from "../api/ids.ts";
import { DEFAULT_BACKOFF, decideRestart } from "../restart-policy.ts";
import type { Lease, Scheduler } from "../scheduling/index.ts";
import type { ActorData, ActorOptionsData, Id, MethodTable } from "../workers/messages.ts";
import { type ActorRecord, takeSendable } from "./actor-record.ts";
import type { ObjectDirectory } from "./object-directory.ts";
import { isOver, type TaskRecord } from "./task-record.ts";
import type { TaskTable } from "./task-table.ts";
import type { Worker } from "./worker.ts";

export interface ActorTableOptions {
  readonly directory: ObjectDirectory;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: () => TaskTable;
  readonly takeWorker: (spec: TaskSpec) => Worker;
  /** Sends a call to the actor's worker. */
  readonly run: (record: TaskRecord, worker: Worker) => void;
  /** Sends the creation to a worker. */
  readonly create: (actor: ActorRecord, worker: Worker, lease: Lease) => void;
}

/** How long a stopped actor may go on with what runs; Ray's figure. */
const STOP_GRACE_MS = 30_000;

export class ActorTable {
  readonly #options: ActorTableOptions;
  readonly #records = new Map<Id, ActorRecord>();
  readonly #names = new Map<string, ActorRecord>();

  constructor(options: ActorTableOptions) {
    this.#options = options;
  }

  records(): IterableIterator<ActorRecord> {
    return this.#records.values();
  }

  /** Resolves once the actor can be called; its handle is held for the caller. Rejects with what its creation threw. */
  async create(creation: TaskSpec, options: ActorOptionsData): Promise<ActorData> {
    const key = nameKey(options);
    const named = key === undefined ? undefined : this.#names.get(key);
    if (named !== undefined) {
      if (options.getIfExists) return await this.#known(named);
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
      held: { kind: "DEPENDENCIES_UNREADY" },
      methods: [],
      restarts: 0,
      streak: 0,
      incarnation: 1,
      queue: [],
      pending: 0,
      intent: undefined,
    };
    this.#records.set(record.id, record);
    if (key !== undefined) this.#names.set(key, record); // invariant 4
    directory.create(record.id, `actor ${record.label}`);
    if (options.detached) directory.hold(record.id);
    for (const object of argumentsOf(creation)) directory.hold(object);
    this.#awaitArguments(record);
    const methods = await record.created.promise;
    return dataOf(record, methods);
  }

  async named(name: string, namespace: string): Promise<ActorData> {
    const record = this.#names.get(`${namespace}/${name}`);
    if (record !== undefined) return await this.#known(record);
    throw new ShoalError(
      "NOT_FOUND",
      `Cannot find actor "${name}": there is none in namespace "${namespace}"`,
    );
  }

  find(actor: Id): ActorRecord | undefined {
    return this.#records.get(actor);
  }

  enqueue(call: TaskRecord): void {
    const record = this.#records.get(call.spec.actor ?? 0);
    const refusal = this.#refusalOf(record, call);
    if (record !== undefined) record.pending++;
    if (refusal !== undefined) {
      this.#options.tasks().fail(call, refusal);
      return;
    }
    call.state = { kind: "PENDING_ACTOR" };
    record?.queue.push(call);
  }

  /** The arguments of a call are ready, or it is tried again. */
  ready(call: TaskRecord): void {
    const record = this.#records.get(call.spec.actor ?? 0);
    if (record === undefined) return;
    if (call.state.kind !== "PENDING_ACTOR") {
      const refusal = this.#refusalOf(record, call);
      if (refusal !== undefined) {
        this.#options.tasks().fail(call, refusal);
        return;
      }
      call.state = { kind: "PENDING_ACTOR" };
      const at = record.queue.findIndex(({ sequence }) => sequence > call.sequence);
      record.queue.splice(at < 0 ? record.queue.length : at, 0, call);
    }
    this.#pump(record);
  }

  over(call: TaskRecord): void {
    const record = this.#records.get(call.spec.actor ?? 0);
    if (record === undefined) return;
    record.pending--;
    if (call.state.kind !== "FAILED" || record.queue.length === 0) return;
    const at = record.queue.indexOf(call);
    if (at >= 0) record.queue.splice(at, 1);
    this.#pump(record);
  }

  onCreated(record: ActorRecord, methods: MethodTable): void {
    const { held } = record;
    if (held.kind !== "CREATING") return;
    record.methods = methods;
    const sinceMs = this.#options.clock.nowMs();
    this.#enter(record, { kind: "ALIVE", worker: held.worker, lease: held.lease, sinceMs }, "created");
    record.created.resolve(methods);
    this.#pump(record);
  }

  /** Its creation threw; `final` when trying again cannot help. */
  onCreationFailed(record: ActorRecord, error: ShoalError, final: boolean): void {
    if (record.held.kind !== "CREATING") return;
    record.intent = { noRestart: false, reason: { kind: "CREATION_FAILED", error, final } };
    record.held.worker.kill(error.message);
  }

  /** The process of the actor is gone; `calls` were running on it. */
  onWorkerEnd(record: ActorRecord, crash: ExitReason, calls: readonly TaskRecord[]): void {
    const { held, intent, options } = record;
    if (held.kind === "CREATING" || held.kind === "ALIVE" || held.kind === "STOPPING") held.lease.release();
    if (held.kind === "STOPPING") held.timer.cancel();
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

  /** Ray's kill: SIGKILL at once; it is restarted unless `noRestart`, as far as restarts are left. */
  kill(actor: Id, noRestart: boolean): void {
    const record = this.#records.get(actor);
    if (record === undefined || record.held.kind === "DEAD") return;
    const { held } = record;
    const reason: ExitReason = { kind: "KILLED" };
    if (held.kind === "CREATING" || held.kind === "ALIVE" || held.kind === "STOPPING") {
      record.intent = { noRestart, reason };
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
    const { held } = record;
    if (held.kind === "DEAD") {
      this.#records.delete(actor);
      return;
    }
    if (held.kind !== "ALIVE") {
      this.kill(actor, true);
      return;
    }
    const reason: ExitReason = { kind: "INTENDED", exitCode: 0, signal: null };
    record.intent = { noRestart: true, reason };
    held.worker.retire();
    const timer = this.#options.clock.timer(STOP_GRACE_MS, () => held.worker.kill("the actor did not stop"));
    const { worker, lease } = held;
    this.#enter(record, { kind: "STOPPING", worker, lease, timer }, "nobody has a handle to it");
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
        this.#enter(record, { kind: "CREATING", worker, lease }, "granted");
        this.#options.create(record, worker, lease);
      },
    });
    if (kind === "infeasible") fail(message);
    else if (kind === "queued") this.#enter(record, { kind: "PENDING_CREATION", ticket }, message);
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
    for (const call of calls) this.#options.tasks().lost(call, error);
  }

  /** Invariant 1. */
  #die(record: ActorRecord, error: ShoalError, calls: readonly TaskRecord[]): void {
    this.#enter(record, { kind: "DEAD", error }, error.message);
    const key = nameKey(record.options);
    if (key !== undefined && this.#names.get(key) === record) this.#names.delete(key); // invariant 4
    const died =
      error.code === "ACTOR_DIED" ? error : new ShoalError("ACTOR_DIED", error.message, { cause: error });
    for (const call of [...calls, ...record.queue]) this.#options.tasks().fail(call, died);
    record.queue.length = 0;
    record.created.promise.catch(() => undefined);
    record.created.reject(error);
    const { directory } = this.#options;
    for (const object of argumentsOf(record.creation)) directory.release(object);
    if (record.options.detached) directory.release(record.id);
    if (directory.find(record.id) === undefined) this.#records.delete(record.id);
  }

  #pump(record: ActorRecord): void {
    const { held } = record;
    if (held.kind !== "ALIVE") return;
    for (const call of takeSendable(record)) {
      if (isOver(call)) continue;
      call.state = { kind: "RUNNING", worker: held.worker };
      this.#options.run(call, held.worker);
    }
  }

  #refusalOf(record: ActorRecord | undefined, { spec }: TaskRecord): ShoalError | undefined {
    const what = `Cannot call "${spec.label}"`;
    if (record === undefined) return new ShoalError("ACTOR_DIED", `${what}: there is no such actor`);
    const { held, pending, options } = record;
    if (held.kind === "DEAD") return new ShoalError("ACTOR_DIED", `${what}: ${held.error.message}`);
    if (held.kind === "RESTARTING" && spec.maxRetries === 0) {
      const { delayMs } = held;
      return new ShoalError("ACTOR_UNAVAILABLE", `${what}: the actor is being restarted`, {
        retryAfterMs: delayMs,
      });
    }
    if (options.maxPendingCalls >= 0 && pending >= options.maxPendingCalls) {
      return new ShoalError("QUEUE_FULL", `${what}: ${pending} calls wait, which is the limit`);
    }
    return undefined;
  }

  #enter(record: ActorRecord, to: ActorRecord["held"], why: string): void {
    const fields = { actor: showId(record.id), incarnation: record.incarnation };
    this.#options.log.info(fields, `${record.label}: ${record.held.kind} → ${to.kind} (${why})`);
    record.held = to;
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
  return new ShoalError("ACTOR_DIED", `Actor "${label}" is dead: ${describeExit(reason)}`);
}
