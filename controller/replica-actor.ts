// One replica as the controller sees it: an actor of the runtime, started once or taken over, told to gateways while it
// runs, checked, reconfigured, ended. It is never restarted: whoever plans asks for another one.
//
//   PENDING_ALLOCATION ⇄ STARTING ──► RUNNING ⇄ UPDATING ──► RECONFIGURE_FAILED      (taken over: RUNNING)
//   RUNNING ──► UNHEALTHY          any ──► STOPPING ──► gone, or DEAD when nobody asked for its end
//
// 1. Gateways are told of a replica exactly while it serves, and may finish what they have there while it stops.
// 2. `view` is replaced, never changed, and the owner is told each time.
// 3. What was reserved for it beside its own process goes with it.
// 4. It is detached: it does not end with this process, and another controller finds it by its id.

import { rm } from "node:fs/promises";
import { type Clock, ShoalError } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import {
  type ActorHandle,
  type ActorStatus,
  type ActorWatcher,
  type PlacementGroup,
  type Runtime,
} from "../runtime/core/index.ts";
import {
  REPLICA_MODULE,
  type ReplicaInfo,
  type ReplicaModule,
  type ReplicaSpec,
  removeReplicaRecord,
} from "../replicas/index.ts";
import { failureReport } from "./failure-report.ts";
import type { FoundReplica } from "./found-replicas.ts";
import { REPLICAS } from "./ground.ts";
import type { HealthSettings } from "./health-checks.ts";
import type { FailureReport, ObservedReplica, ReplicaPhase, Revision } from "./reconcile/index.ts";
import { writeNote } from "./replica-note.ts";
import { LastLines } from "./replica-output.ts";
import { placeOf } from "./replica-place.ts";
import { ReplicaWatch } from "./replica-watch.ts";
import type { ReplicaEntry } from "./routing/index.ts";

export interface ReplicaActorOptions {
  readonly id: string;
  /** Of its deployment. */
  readonly key: string;
  readonly revision: Revision;
  readonly spec: Omit<ReplicaSpec, "note">;
  readonly runtime: Runtime;
  readonly health: () => HealthSettings;
  /** How long the oldest batch has been at this replica; undefined when it has none. */
  readonly busyMs: () => Promise<number | undefined>;
  /** Resolves when every gateway knows that it leaves, and has nothing under way here. */
  readonly vacated: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of each change of `view`. */
  readonly onChange: (reason: string) => void;
}

/** What a replica has while it serves. */
interface Serving {
  readonly watch: ReplicaWatch;
  readonly info: Omit<ReplicaInfo, "socketPath">;
  readonly socketPath: string;
}

type Handle = ActorHandle<ReplicaModule["Replica"]>;

/** From having a process to being ready; large models take their time. */
const START_TIMEOUT_MS = 600_000;

/** What a replica has to end in, be the time for its requests used up: for a module's `stop`. */
export const STOP_GRACE_MS = 1_000;

export class ReplicaActor {
  readonly #options: ReplicaActorOptions;
  readonly #creation = new AbortController();
  readonly #lines = new LastLines();
  #startedEpochMs: number;
  #view: ObservedReplica;
  #created: Promise<void> | undefined;
  #handle: Handle | undefined;
  #pid: number | undefined;
  #nodeId: string | undefined;
  #group: PlacementGroup | undefined;
  #serving: Serving | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ReplicaActorOptions) {
    const { id, revision, clock } = options;
    this.#options = options;
    this.#startedEpochMs = clock.epochMs();
    this.#view = { id, revision, startedMs: clock.nowMs(), phase: { kind: "STARTING" } };
  }

  get id(): string {
    return this.#options.id;
  }

  get view(): ObservedReplica {
    return this.#view;
  }

  /** Of the process it has, loading or ready. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Where it has its resources; undefined while it has none. */
  get nodeId(): string | undefined {
    return this.#nodeId;
  }

  /** What it says of itself; undefined while it does not serve. */
  get info(): Omit<ReplicaInfo, "socketPath"> | undefined {
    return this.#serving?.info;
  }

  /** What gateways are told of it (invariant 1). */
  get entry(): ReplicaEntry | undefined {
    if (this.#serving === undefined) return undefined;
    const { id, revision } = this.#options;
    return {
      id,
      socketPath: this.#serving.socketPath,
      state: this.#is("STOPPING") ? "leaving" : "serving",
      interruptible: revision.config.source.engine === "module",
    };
  }

  start(): void {
    this.#created = this.#create();
  }

  /** Takes over one that runs, in place of `start`. */
  adopt({ handle, pid, nodeId, group, record, startedEpochMs }: FoundReplica): void {
    const { clock, runtime } = this.#options;
    const agoMs = (epochMs: number): number => clock.nowMs() - Math.max(0, clock.epochMs() - epochMs);
    this.#handle = handle;
    this.#pid = pid;
    this.#nodeId = nodeId;
    this.#group = group;
    this.#startedEpochMs = startedEpochMs;
    this.#view = { ...this.#view, startedMs: agoMs(startedEpochMs) };
    const { info, readyEpochMs, configuredEpochMs } = record;
    const since = { sinceMs: agoMs(readyEpochMs), configuredMs: agoMs(configuredEpochMs) };
    this.#join(info, since, "found running");
    runtime.watchActor(handle, this.#watcher());
  }

  /** Gives it another `user_config`, while it serves. Never rejects. */
  async reconfigure(revision: Revision): Promise<void> {
    const { clock, runtime } = this.#options;
    const { phase } = this.#view;
    if (phase.kind !== "RUNNING" || this.#handle === undefined) return;
    const { sinceMs } = phase;
    this.#enter({ kind: "UPDATING", sinceMs }, "reconfigured");
    try {
      const called = this.#handle.reconfigure(revision.config.userConfig, this.#note(revision));
      await runtime.get(called, { timeoutMs: revision.config.requestTimeoutMs });
      if (!this.#is("UPDATING")) return;
      this.#view = { ...this.#view, revision };
      this.#enter({ kind: "RUNNING", sinceMs, configuredMs: clock.nowMs() }, "reconfigured");
    } catch (thrown) {
      if (!this.#is("UPDATING")) return;
      const failure = this.#failure(thrown);
      this.#enter({ kind: "RECONFIGURE_FAILED", sinceMs, tried: revision, failure }, failure.message);
    }
  }

  /** It serves on with what it has until another takes its place. */
  retire(reason: string): void {
    const { phase } = this.#view;
    if (phase.kind !== "RUNNING" && phase.kind !== "RECONFIGURE_FAILED") return;
    const { sinceMs } = phase;
    this.#view = { ...this.#view, leaving: reason };
    this.#enter({ kind: "RUNNING", sinceMs, configuredMs: sinceMs }, reason);
  }

  /** It serves on, if it does, until another has taken its place. No effect on one that ends, or is replaced already. */
  replace(reason: string): void {
    const { leaving, phase } = this.#view;
    if (leaving !== undefined || phase.kind === "STOPPING" || phase.kind === "DEAD") return;
    this.#view = { ...this.#view, leaving: reason };
    this.#options.log.warn({ replica: this.id }, `it is replaced: ${reason}`);
    this.#options.onChange(reason);
  }

  /** Takes back `replace` for this reason, unless it ends already. */
  keep(reason: string): void {
    const { leaving, ...view } = this.#view;
    if (leaving !== reason || this.#is("STOPPING")) return;
    this.#view = view;
    this.#options.onChange("it is not replaced");
  }

  /**
   * Ends it: new batches are no longer sent, what runs may finish within `graceMs`. Resolves when it is gone; the same
   * promise every time.
   */
  stop(graceMs: number, reason: string): Promise<void> {
    this.#stopped ??= this.#stop(graceMs, reason);
    return this.#stopped;
  }

  /** A gateway lost a batch here. Resolves true when a check answers; else it is unhealthy, or gone. */
  async probe(): Promise<boolean> {
    return (await this.#serving?.watch.probe()) ?? false;
  }

  async #stop(graceMs: number, reason: string): Promise<void> {
    const { runtime } = this.#options;
    this.#serving?.watch.rest();
    if (this.#is("DEAD")) this.#options.onChange(reason);
    else this.#enter({ kind: "STOPPING" }, reason);
    this.#creation.abort();
    await this.#created;
    const leftMs = this.#serving === undefined ? graceMs : await this.#vacate(graceMs);
    if (this.#handle !== undefined) await runtime.stop(this.#handle, { graceMs: leftMs });
    this.#leave();
    await this.#giveBack();
  }

  /**
   * Waits until nothing is under way here. What is on its way to a process that ends is lost, and the process cannot
   * know of it: so it is told to end only when nothing is. Resolves with what is left of the grace.
   */
  async #vacate(graceMs: number): Promise<number> {
    const { vacated, clock } = this.#options;
    const untilMs = clock.nowMs() + graceMs;
    const over = new AbortController();
    const late = clock.sleep(graceMs, over.signal).catch(() => undefined);
    await Promise.race([vacated(), late]);
    over.abort();
    return Math.max(Math.min(graceMs, STOP_GRACE_MS), untilMs - clock.nowMs());
  }

  /** Never rejects. */
  async #create(): Promise<void> {
    const { revision, spec, runtime, id, clock } = this.#options;
    const { numCpus, numGpus, memoryBytes, custom } = revision.config.resources;
    const { Replica } = runtime.actors<ReplicaModule>(REPLICA_MODULE);
    try {
      const { group, options } = await placeOf(revision.config, { id, runtime });
      this.#group = group;
      this.#handle = await Replica.options({
        name: id,
        namespace: REPLICAS,
        lifetime: "detached", // invariant 4
        numCpus,
        numGpus,
        memoryBytes,
        resources: custom,
        ...options,
        startTimeoutMs: START_TIMEOUT_MS,
        signal: this.#creation.signal,
        ...this.#watcher(),
      }).create({ ...spec, note: this.#note(revision) });
      const info = await runtime.get(this.#handle.describe());
      const sinceMs = clock.nowMs();
      if (this.#is("STARTING")) this.#join(info, { sinceMs, configuredMs: sinceMs }, "ready");
    } catch (thrown) {
      this.#die(thrown);
    }
  }

  #note(revision: Revision): unknown {
    return writeNote({ key: this.#options.key, revision, startedEpochMs: this.#startedEpochMs });
  }

  #watcher(): Required<ActorWatcher> {
    return { onStatus: (status) => this.#onStatus(status), onLine: (line) => this.#lines.add(line) };
  }

  /** Invariant 3. */
  async #giveBack(): Promise<void> {
    const group = this.#group;
    this.#group = undefined;
    await group?.remove();
  }

  #onStatus({ state, reason, pid, nodeId }: ActorStatus): void {
    this.#nodeId = nodeId;
    switch (state) {
      case "PENDING_CREATION": {
        const message = `a replica of "${this.#options.revision.config.name}" ${reason}`;
        this.#enter({ kind: "PENDING_ALLOCATION", message, possible: true }, message);
        break;
      }
      case "CREATING":
        this.#pid = pid;
        if (this.#is("PENDING_ALLOCATION")) this.#enter({ kind: "STARTING" }, "room was found");
        break;
      case "DEAD":
        // One that was never ready is told by its creation, with the error itself.
        if (this.#handle !== undefined) this.#die(new ShoalError("ACTOR_DIED", reason));
        break;
      case "ALIVE":
      case "DEPENDENCIES_UNREADY":
      case "RESTARTING":
      case "STOPPING":
        break;
    }
  }

  #join(
    { socketPath, ...info }: ReplicaInfo,
    since: { readonly sinceMs: number; readonly configuredMs: number },
    reason: string,
  ): void {
    const { revision, busyMs, clock, health, log, id } = this.#options;
    const watch = new ReplicaWatch({
      id,
      deployment: revision.config.name,
      socketPath,
      pid: this.#pid,
      memoryBytes: revision.config.resources.memoryBytes,
      health,
      busyMs,
      clock,
      log,
      onUnwell: (message) => this.#onUnwell(message),
      onOutgrown: (message) => this.replace(message),
    });
    this.#serving = { watch, info, socketPath };
    watch.start();
    this.#enter({ kind: "RUNNING", ...since }, reason);
  }

  #onUnwell(message: string): void {
    const failure = this.#failure(new Error(message));
    this.#leave();
    this.#enter({ kind: "UNHEALTHY", sinceMs: this.#options.clock.nowMs(), failure }, message);
  }

  /** Nobody asked for its end. */
  #die(thrown: unknown): void {
    this.#leave();
    void this.#giveBack();
    const { kind } = this.#view.phase;
    if (kind === "STOPPING" || kind === "DEAD") return;
    if (thrown instanceof ShoalError && thrown.code === "RESOURCES_UNAVAILABLE") {
      this.#enter({ kind: "PENDING_ALLOCATION", message: thrown.message, possible: false }, thrown.message);
      return;
    }
    const sinceMs = "sinceMs" in this.#view.phase ? this.#view.phase.sinceMs : undefined;
    const failure = this.#failure(thrown);
    this.#enter({ kind: "DEAD", sinceMs, failure }, failure.message);
  }

  #failure(thrown: unknown): FailureReport {
    return failureReport(thrown, { atMs: this.#options.clock.nowMs(), logLines: this.#lines.all });
  }

  #leave(): void {
    const serving = this.#serving;
    if (serving === undefined) return;
    this.#serving = undefined;
    serving.watch.end();
    // One that was killed leaves its socket and its record; the folder goes with the server at the latest.
    void rm(serving.socketPath, { force: true }).catch(() => undefined);
    if (this.#pid !== undefined) void removeReplicaRecord(this.#options.spec.socketFolder, this.#pid);
  }

  #is(kind: ReplicaPhase["kind"]): boolean {
    return this.#view.phase.kind === kind;
  }

  /** Invariant 2. */
  #enter(phase: ReplicaPhase, reason: string): void {
    const from = this.#view.phase.kind;
    this.#view = { ...this.#view, phase };
    if (from !== phase.kind) {
      this.#options.log.info({ replica: this.id }, `${from} → ${phase.kind} (${reason})`);
    }
    this.#options.onChange(reason);
  }
}
