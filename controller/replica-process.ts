// One replica as the controller sees it: an actor that is started when there is room, joined to the dispatcher
// while it is ready, checked, and replaced when it dies.
//
//   WAITING ──► STARTING ──► RUNNING ◄──► STARTING (restart)      any ──► STOPPED | FAILED
//
// 1. The dispatcher knows a replica exactly while it is RUNNING.
// 2. A replica that is busy is not hung: a check that goes unanswered while a batch runs counts only when the
//    batch has run longer than anyone would wait for it.

import { rm } from "node:fs/promises";
import type { Clock } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import { messageOf } from "../runtime/base/index.ts";
import type { ActorHandle, ActorStatus, Runtime } from "../runtime/core/index.ts";
import { REPLICA_MODULE, type ReplicaInfo, type ReplicaModule, type ReplicaSpec } from "../replicas/index.ts";
import type { DeploymentConfig } from "./config/index.ts";
import { type Dispatcher, ReplicaClient } from "./dispatch/index.ts";

export type ReplicaState =
  | { readonly kind: "WAITING"; readonly message: string }
  | { readonly kind: "STARTING"; readonly message: string }
  | { readonly kind: "RUNNING"; readonly pid: number; readonly sinceEpochMs: number }
  | { readonly kind: "STOPPED" }
  | { readonly kind: "FAILED"; readonly message: string };

/** What a replica has while it is RUNNING. */
interface Running {
  readonly client: ReplicaClient;
  readonly pid: number;
  /** Ends its health checks. */
  readonly checks: AbortController;
}

type Checked =
  | { readonly kind: "well" }
  /** It did not answer in time and has a batch that somebody may still wait for. */
  | { readonly kind: "busy" }
  | { readonly kind: "unwell"; readonly message: string };

export interface ReplicaProcessOptions {
  readonly id: string;
  readonly config: DeploymentConfig;
  readonly spec: ReplicaSpec;
  readonly dispatcher: Dispatcher;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of each change, with what a ready replica says of itself. */
  readonly onChange: (state: ReplicaState, info?: ReplicaInfo) => void;
}

/** Checks in a row that may fail before the replica is replaced; Ray Serve's figure. */
const MAX_FAILED_CHECKS = 3;

export class ReplicaProcess {
  readonly id: string;
  readonly #options: ReplicaProcessOptions;
  readonly #stopped = new AbortController();
  #state: ReplicaState = { kind: "WAITING", message: "" };
  #creation: Promise<void> | undefined;
  #handle: ActorHandle<ReplicaModule["Replica"]> | undefined;
  /** Of the process that is alive. */
  #pid: number | undefined;
  #running: Running | undefined;
  #failedStarts = 0;

  constructor(options: ReplicaProcessOptions) {
    this.id = options.id;
    this.#options = options;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  /** Starts the actor, in the end. Resolves when it is ready, has failed, or waits for resources. */
  async start(): Promise<void> {
    const known = Promise.withResolvers<void>();
    this.#creation = this.#create(known.resolve).finally(known.resolve);
    await known.promise;
  }

  /** Ends the replica: new batches are no longer sent, what runs may finish within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    const client = this.#leave();
    await this.#creation;
    if (this.#handle !== undefined) await this.#options.runtime.stop(this.#handle, { graceMs });
    await client?.close();
    if (this.#state.kind !== "FAILED") this.#enter({ kind: "STOPPED" });
  }

  async #create(onWait: () => void): Promise<void> {
    const { config, spec, runtime, id } = this.#options;
    const { numCpus, numGpus, memoryBytes, custom } = config.resources;
    const { Replica } = runtime.actors<ReplicaModule>(REPLICA_MODULE);
    try {
      this.#handle = await Replica.options({
        name: id,
        numCpus,
        numGpus,
        memoryBytes,
        resources: custom,
        maxRestarts: -1,
        startTimeoutMs: START_TIMEOUT_MS,
        signal: this.#stopped.signal,
        onStatus: (status) => {
          this.#onStatus(status);
          if (status.state === "PENDING_CREATION") onWait();
        },
      }).create(spec);
      await this.#join();
    } catch (thrown) {
      if (!this.#stopped.signal.aborted) this.#enter({ kind: "FAILED", message: messageOf(thrown) });
    }
  }

  #onStatus({ state, reason, pid }: ActorStatus): void {
    if (state !== "STOPPING") void this.#leave()?.close();
    this.#pid = state === "ALIVE" ? pid : undefined;
    switch (state) {
      case "PENDING_CREATION":
        this.#enter({ kind: "WAITING", message: `a replica of "${this.#options.config.name}" ${reason}` });
        break;
      case "CREATING":
        if (this.#state.kind === "WAITING") this.#enter({ kind: "STARTING", message: "" });
        break;
      case "ALIVE":
        this.#failedStarts = 0;
        void this.#join();
        break;
      case "RESTARTING":
        this.#onCrash(reason);
        break;
      case "DEAD":
        // Before it was ever ready, `#create` is told.
        if (this.#handle !== undefined && !this.#stopped.signal.aborted) {
          this.#enter({ kind: "FAILED", message: reason });
        }
        break;
      case "DEPENDENCIES_UNREADY":
      case "STOPPING":
        break;
    }
  }

  #onCrash(message: string): void {
    const wasReady = this.#state.kind === "RUNNING";
    if (!wasReady) this.#failedStarts++;
    const { maxConstructorRetryCount } = this.#options.config;
    if (this.#failedStarts <= maxConstructorRetryCount) {
      this.#enter({ kind: "STARTING", message });
      return;
    }
    this.#enter({ kind: "FAILED", message: `${message}; given up after ${this.#failedStarts} starts` });
    this.#stopped.abort();
    if (this.#handle !== undefined) void this.#options.runtime.kill(this.#handle);
  }

  /** Invariant 1. Called when it is alive, and when its handle is there, in whatever order. */
  async #join(): Promise<void> {
    const pid = this.#pid;
    if (pid === undefined || this.#handle === undefined) return;
    const { config, dispatcher, clock, runtime } = this.#options;
    const info = await runtime.get(this.#handle.describe()).catch(() => undefined);
    // It may be gone again, which `#onStatus` is told.
    if (info === undefined || this.#pid !== pid || this.#stopped.signal.aborted) return;
    if (this.#running !== undefined) return;
    const client = new ReplicaClient({
      id: this.id,
      deployment: config.name,
      socketPath: info.socketPath,
      interruptible: config.source.engine === "module",
      toEpochMs: (nowMs) => clock.epochMs() + (nowMs - clock.nowMs()),
    });
    const running = { client, checks: new AbortController(), pid };
    this.#running = running;
    this.#enter({ kind: "RUNNING", pid, sinceEpochMs: clock.epochMs() }, info);
    dispatcher.addReplica(client);
    void this.#checkRegularly(running);
  }

  /** Whoever calls closes what it gives. */
  #leave(): ReplicaClient | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    this.#running = undefined;
    running.checks.abort();
    this.#options.dispatcher.removeReplica(this.id);
    // One that was killed leaves its socket; the folder goes with the server at the latest.
    void rm(`${this.#options.spec.socketFolder}/${running.pid}.sock`, { force: true }).catch(() => undefined);
    return running.client;
  }

  /** The dispatcher lost a batch here: back to work when a check answers, else replaced. */
  async probe(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    for (;;) {
      const checked = await this.#check(running);
      if (this.#running !== running) return;
      if (checked.kind === "busy") continue;
      if (checked.kind === "well") this.#options.dispatcher.restore(this.id);
      else this.#replace(running.pid, `it lost a batch and then a check: ${checked.message}`);
      return;
    }
  }

  async #checkRegularly(running: Running): Promise<void> {
    const { clock, config, log } = this.#options;
    for (let failures = 0; this.#running === running; ) {
      await clock.sleep(config.healthCheckPeriodMs, running.checks.signal).catch(() => undefined);
      if (this.#running !== running) return;
      const checked = await this.#check(running);
      if (this.#running !== running) return;
      if (checked.kind === "well") failures = 0;
      if (checked.kind !== "unwell") continue;
      failures++;
      log.warn({ replica: this.id, failures }, `health check failed: ${checked.message}`);
      if (failures >= MAX_FAILED_CHECKS) this.#replace(running.pid, `${failures} health checks failed`);
    }
  }

  async #check({ client, checks }: Running): Promise<Checked> {
    const { config, dispatcher } = this.#options;
    const timeout = AbortSignal.timeout(config.healthCheckTimeoutMs);
    try {
      await client.check(AbortSignal.any([checks.signal, timeout]));
      return { kind: "well" };
    } catch (thrown) {
      const busyMs = dispatcher.busyMs(this.id) ?? Number.POSITIVE_INFINITY;
      const patienceMs = config.requestTimeoutMs + config.healthCheckTimeoutMs;
      if (timeout.aborted && busyMs < patienceMs) return { kind: "busy" }; // invariant 2
      return { kind: "unwell", message: messageOf(thrown) };
    }
  }

  /** Ends the process, so that the runtime starts another. */
  #replace(pid: number, reason: string): void {
    if (this.#handle === undefined || this.#running?.pid !== pid) return;
    const { log, runtime } = this.#options;
    log.warn({ replica: this.id, pid }, `replacing the replica: ${reason}`);
    void runtime.kill(this.#handle, { noRestart: false });
  }

  #enter(state: ReplicaState, info?: ReplicaInfo): void {
    const from = this.#state;
    this.#state = state;
    const why = "message" in state && state.message !== "" ? ` (${state.message})` : "";
    if (from.kind !== state.kind)
      this.#options.log.debug({ replica: this.id }, `${from.kind} → ${state.kind}${why}`);
    this.#options.onChange(state, info);
  }
}

/** From fork to ready; large models take their time. */
const START_TIMEOUT_MS = 600_000;
