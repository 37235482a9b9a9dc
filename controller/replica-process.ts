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
import { messageOf, ShoalError } from "../runtime/base/index.ts";
import {
  type ActorTransition,
  describeExit,
  type ExitReason,
  ProcessActor,
  type ResourceLease,
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
  #starting: Promise<void> | undefined;
  #actor: ProcessActor<typeof Replica> | undefined;
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
    this.#starting = this.#begin(known.resolve).then(known.resolve);
    await known.promise;
  }

  /** Ends the replica: new batches are no longer sent, what runs may finish within `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    const client = this.#leave();
    await this.#starting;
    await this.#actor?.stop({ graceMs });
    await client?.close();
    if (this.#state.kind !== "FAILED") this.#enter({ kind: "STOPPED" });
  }

  async #begin(onWait: () => void): Promise<void> {
    let lease: ResourceLease | undefined;
    try {
      lease = await this.#room(onWait);
      this.#enter({ kind: "STARTING", message: "" });
      this.#actor = await this.#startActor();
      void this.#actor.exited.then(() => lease?.release());
    } catch (thrown) {
      lease?.release();
      if (!this.#stopped.signal.aborted) this.#enter({ kind: "FAILED", message: messageOf(thrown) });
    }
  }

  /** Takes the resources of the replica, waiting for them as long as it takes. */
  async #room(onWait: () => void): Promise<ResourceLease> {
    const { ledger, config } = this.#options;
    const { numCpus, numGpus, memoryBytes, custom } = config.resources;
    const wanted = { ...custom, num_cpus: numCpus, num_gpus: numGpus, memory: memoryBytes };
    for (;;) {
      this.#stopped.signal.throwIfAborted();
      const acquired = ledger.tryAcquire(wanted);
      if (acquired.kind === "granted") return acquired.lease;
      const message = `a replica of "${config.name}" ${acquired.message}`;
      if (acquired.kind === "infeasible") throw new ShoalError("RESOURCES_UNAVAILABLE", message);
      this.#enter({ kind: "WAITING", message });
      onWait();
      await nextRelease(ledger, this.#stopped.signal);
    }
  }

  #startActor(): Promise<ProcessActor<typeof Replica>> {
    const { config, spec, clock, log, id } = this.#options;
    return ProcessActor.start<typeof Replica>(
      {
        name: id,
        module: REPLICA_MODULE,
        exportName: "Replica",
        args: [spec],
        // User code has no business with the admin listener.
        env: { MALLOC_MMAP_THRESHOLD_: LARGE_ALLOCATION_BYTES, SHOAL_ADMIN_TOKEN: undefined },
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
    void this.#leave()?.close();
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
    queueMicrotask(() => {
      this.#stopped.abort();
      void this.#actor?.kill();
    });
  }

  /** Invariant 1. */
  #join(info: ReplicaInfo, pid: number): void {
    const { config, dispatcher, clock } = this.#options;
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

/**
 * For glibc: memory of this size and more goes back to the system when it is
 * freed. Left to itself, glibc raises the bound with each body freed and then keeps them all.
 */
const LARGE_ALLOCATION_BYTES = String(4 * 1024 * 1024);

/** From fork to ready; large models take their time. */
const START_TIMEOUT_MS = 600_000;

/** Resolves with the next release of resources, or when `signal` aborts. */
async function nextRelease(ledger: ResourceLedger, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const ended = (): void => resolve();
  const end = ledger.onRelease(ended);
  signal.addEventListener("abort", ended, { once: true });
  await promise;
  signal.removeEventListener("abort", ended);
  end();
}

/** A replica's own log lines are JSON already; what user code prints becomes one. */
function forwardOutput(line: string, replica: string, log: Logger): void {
  if (line.startsWith('{"level":')) process.stderr.write(`${line}\n`);
  else log.info({ replica }, line);
}
