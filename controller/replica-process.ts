// One replica as the controller sees it: an actor that is started when there is room, joined to the dispatcher
// while it is ready, checked, and replaced when it dies.
//
//   WAITING ──► STARTING ──► RUNNING ◄──► STARTING (restart)      any ──► STOPPED | FAILED
//
// 1. The dispatcher knows a replica exactly while it is RUNNING.
// 2. A replica that is busy is not hung: a check that goes unanswered while a batch runs counts only when the
//    batch has run longer than anyone would wait for it.

import { rm } from "node:fs/promises";
import type { Clock, Logger } from "../runtime/base/index.ts";
import { asShoalError, messageOf } from "../runtime/base/index.ts";
import {
  type ActorTransition,
  describeExit,
  type ExitReason,
  ProcessActor,
  type ResourceLedger,
} from "../runtime/core/index.ts";
import { type Replica, REPLICA_MODULE, type ReplicaInfo, type ReplicaSpec } from "../replicas/index.ts";
import type { DeploymentConfig } from "./config/index.ts";
import { type Dispatcher, ReplicaClient } from "./dispatch/index.ts";

export type ReplicaState =
  | { readonly kind: "WAITING"; readonly message: string }
  | { readonly kind: "STARTING"; readonly message: string }
  | { readonly kind: "RUNNING"; readonly pid: number; readonly sinceEpochMs: number }
  | { readonly kind: "STOPPED" }
  | { readonly kind: "FAILED"; readonly message: string };

export interface ReplicaProcessOptions {
  readonly id: string;
  readonly config: DeploymentConfig;
  readonly spec: ReplicaSpec;
  readonly dispatcher: Dispatcher;
  readonly maxConcurrentBatches: number;
  readonly ledger: ResourceLedger;
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
  #actor: ProcessActor<typeof Replica> | undefined;
  #running:
    | { readonly client: ReplicaClient; readonly checks: AbortController; readonly pid: number }
    | undefined;
  #failedStarts = 0;

  constructor(options: ReplicaProcessOptions) {
    this.id = options.id;
    this.#options = options;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  /** Starts the actor, waiting for resources as long as it takes. Resolves when it is ready or has failed. */
  async start(): Promise<void> {
    const { config, ledger } = this.#options;
    while (!this.#stopped.signal.aborted) {
      const released = nextRelease(ledger, this.#stopped.signal);
      try {
        this.#enter({ kind: "STARTING", message: "" });
        this.#actor = await this.#startActor();
        return;
      } catch (thrown) {
        const error = asShoalError(thrown);
        if (this.#stopped.signal.aborted) return;
        if (error.code !== "RESOURCES_UNAVAILABLE") {
          this.#enter({ kind: "FAILED", message: error.message });
          return;
        }
        this.#enter({ kind: "WAITING", message: `replica ${this.id} of "${config.name}": ${error.message}` });
        await released;
      }
    }
  }

  /** Ends the replica: new batches are no longer sent, what runs may finish within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    this.#leave();
    await this.#actor?.stop({ graceMs });
    if (this.#state.kind !== "FAILED") this.#enter({ kind: "STOPPED" });
  }

  #startActor(): Promise<ProcessActor<typeof Replica>> {
    const { config, spec, ledger, clock, log, id } = this.#options;
    const { numCpus, numGpus, memoryBytes, custom } = config.resources;
    return ProcessActor.start<typeof Replica>(
      {
        name: id,
        module: REPLICA_MODULE,
        exportName: "Replica",
        args: [spec],
        resources: { num_cpus: numCpus, num_gpus: numGpus, memory: memoryBytes, ...custom },
        ledger,
        maxRestarts: -1,
        startTimeoutMs: START_TIMEOUT_MS,
        stopGraceMs: config.gracefulShutdownTimeoutMs,
        clock,
        log,
        onTransition: (transition) => this.#onTransition(transition),
        onOutput: (line) => forwardOutput(line, id, log),
      },
      this.#stopped.signal,
    );
  }

  #onTransition({ to }: ActorTransition<ReplicaInfo>): void {
    if (to.kind === "ALIVE") {
      this.#failedStarts = 0;
      this.#join(to.info, to.pid);
      return;
    }
    this.#leave();
    if (to.kind === "RESTARTING" && to.step === "WAITING") this.#onCrash(to.cause);
    else if (to.kind === "DEAD" && this.#actor !== undefined && !this.#stopped.signal.aborted) {
      this.#enter({ kind: "FAILED", message: describeExit(to.reason) });
    }
  }

  #onCrash(cause: ExitReason): void {
    const message = describeExit(cause);
    const atStart = cause.kind !== "CRASHED" || cause.during === "creation";
    if (atStart) this.#failedStarts++;
    const { maxConstructorRetryCount } = this.#options.config;
    if (this.#failedStarts <= maxConstructorRetryCount) {
      this.#enter({ kind: "STARTING", message });
      return;
    }
    this.#enter({ kind: "FAILED", message: `${message}; given up after ${this.#failedStarts} starts` });
    // Not within the transition that told us.
    queueMicrotask(() => this.#stopped.abort());
  }

  /** Invariant 1. */
  #join(info: ReplicaInfo, pid: number): void {
    const { config, dispatcher, clock, maxConcurrentBatches } = this.#options;
    const client = new ReplicaClient({
      id: this.id,
      deployment: config.name,
      socketPath: info.socketPath,
      maxConcurrentBatches,
      interruptible: config.source.engine === "module",
      toEpochMs: (nowMs) => clock.epochMs() + (nowMs - clock.nowMs()),
    });
    const checks = new AbortController();
    this.#running = { client, checks, pid };
    this.#enter({ kind: "RUNNING", pid, sinceEpochMs: clock.epochMs() }, info);
    dispatcher.addReplica(client);
    void this.#checkRegularly(client, checks.signal);
  }

  #leave(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.checks.abort();
    this.#options.dispatcher.removeReplica(this.id);
    if (!this.#stopped.signal.aborted) void running.client.close();
    void rm(`${this.#options.spec.socketFolder}/${running.pid}.sock`, { force: true });
  }

  /** The dispatcher lost a batch here: back to work when a check answers, else replaced. */
  async probe(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    try {
      await running.client.check(AbortSignal.timeout(this.#options.config.healthCheckTimeoutMs));
      if (this.#running === running) this.#options.dispatcher.restore(this.id);
    } catch (thrown) {
      this.#replace(running.pid, `it lost a batch and then a check: ${messageOf(thrown)}`);
    }
  }

  async #checkRegularly(client: ReplicaClient, signal: AbortSignal): Promise<void> {
    const { clock, config, dispatcher, log } = this.#options;
    const patienceMs = config.requestTimeoutMs + config.healthCheckTimeoutMs;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await clock.sleep(config.healthCheckPeriodMs, signal);
        await client.check(AbortSignal.any([signal, AbortSignal.timeout(config.healthCheckTimeoutMs)]));
        failures = 0;
      } catch (thrown) {
        if (signal.aborted) return;
        const busyMs = dispatcher.busyMs(this.id);
        if (busyMs !== undefined && busyMs < patienceMs) continue; // invariant 2
        failures++;
        log.warn({ replica: this.id, failures }, `health check failed: ${messageOf(thrown)}`);
        if (failures >= MAX_FAILED_CHECKS)
          this.#replace(this.#running?.pid, `${failures} health checks failed`);
      }
    }
  }

  /** Ends the process by a signal, so that the actor starts another. */
  #replace(pid: number | undefined, reason: string): void {
    if (pid === undefined || this.#running?.pid !== pid) return;
    this.#options.log.warn({ replica: this.id, pid }, `replacing the replica: ${reason}`);
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It is gone already, and the actor will know.
    }
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

/** Resolves with the next release of resources, or when `signal` aborts. */
function nextRelease(ledger: ResourceLedger, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = ledger.onRelease(resolve);
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(end);
}

/** A replica's own log lines are JSON already; what user code prints becomes one. */
function forwardOutput(line: string, replica: string, log: Logger): void {
  if (line.startsWith('{"level":')) process.stderr.write(`${line}\n`);
  else log.info({ replica }, line);
}
