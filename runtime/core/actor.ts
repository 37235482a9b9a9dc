// An actor: one class instance in an OS process of its own, called from here, restarted when it crashes.
//
// 1. ALIVE means that creation has finished, `describe()` included; before, nobody can call it.
// 2. All changes of state go through `#enter`, which checks them against TRANSITIONS, logs and tells them.
// 3. The resource lease is held from before the first process to DEAD, and released there only.
// 4. DEAD is entered after the last process is gone; `stop`, `kill` and `exited` resolve with it.
// 5. Calls of a process that ended fail after the change of state: with ACTOR_UNAVAILABLE when another process
//    follows, else with ACTOR_DIED. No call is ever sent twice.

import assert from "node:assert/strict";
import { messageOf, ShoalError, type Timer } from "../base/index.ts";
import { abortError } from "./abort-error.ts";
import { type ActorOptions, type ActorSettings, settingsOf } from "./actor-options.ts";
import { ActorProcess, type ProcessEnd } from "./actor-process.ts";
import { type ActorState, describeExit, type ExitReason, startError, TRANSITIONS } from "./actor-state.ts";
import type { ActorClass, CallName, InfoOf, ItemOf, Rest, ResultOf, StreamName } from "./actor-types.ts";
import type { CallOptions, StreamOptions } from "./call-table.ts";
import { acquireFor } from "./acquire-for.ts";
import type { ResourceLease } from "./resources.ts";
import { decideRestart } from "./restart-policy.ts";

type View<Info, Kind extends ActorState<Info>["kind"]> = Extract<ActorState<Info>, { kind: Kind }>;

/** A state with what it owns. */
type Held<Info> =
  | {
      readonly kind: "PENDING_CREATION";
      readonly view: View<Info, "PENDING_CREATION">;
      readonly process: ActorProcess;
    }
  | {
      readonly kind: "ALIVE";
      readonly view: View<Info, "ALIVE">;
      readonly process: ActorProcess;
      readonly sinceMs: number;
    }
  | {
      readonly kind: "RESTARTING";
      readonly view: View<Info, "RESTARTING">;
      readonly next:
        | { readonly step: "WAITING"; readonly timer: Timer }
        | { readonly step: "CREATING"; readonly process: ActorProcess };
    }
  | {
      readonly kind: "STOPPING";
      readonly view: View<Info, "STOPPING">;
      readonly process: ActorProcess;
      readonly killed: boolean;
      /** Until the next harder signal. */
      readonly timer: Timer | undefined;
    }
  | { readonly kind: "DEAD"; readonly view: View<Info, "DEAD"> };

export class ProcessActor<C extends ActorClass> implements AsyncDisposable {
  readonly name: string;
  readonly #settings: ActorSettings<C>;
  readonly #lease: ResourceLease | undefined;
  readonly #created = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<ExitReason>();
  #held: Held<InfoOf<C>>;
  /** Restarts in a row without a stable time between them. */
  #streak = 0;

  private constructor(settings: ActorSettings<C>, lease: ResourceLease | undefined) {
    this.name = settings.name;
    this.#settings = settings;
    this.#lease = lease;
    const view = { kind: "PENDING_CREATION", incarnation: 1, restarts: 0 } as const;
    this.#held = { kind: "PENDING_CREATION", view, process: this.#newProcess(1) };
  }

  /**
   * Starts an actor and resolves once it is ALIVE (invariant 1). Rejects once it is DEAD, when creation failed
   * and no restart is left: with what creation threw, DEADLINE_EXCEEDED after `startTimeoutMs`, ACTOR_DIED after
   * a crash, RESOURCES_UNAVAILABLE when the ledger is short, or CANCELLED by `signal`. Nothing is left then.
   */
  static async start<C extends ActorClass>(
    options: ActorOptions<C>,
    signal?: AbortSignal,
  ): Promise<ProcessActor<C>> {
    const settings = settingsOf(options);
    const cancelled = (): ShoalError => abortError(signal?.reason, `Cannot start actor "${settings.name}"`);
    if (signal?.aborted) throw cancelled();
    const actor = new ProcessActor<C>(settings, acquireFor(options));
    const onAbort = (): void => void actor.kill();
    signal?.addEventListener("abort", onAbort, { once: true });
    actor.#launch();
    try {
      await actor.#created.promise;
    } catch (error) {
      throw signal?.aborted ? cancelled() : error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    return actor;
  }

  get state(): ActorState<InfoOf<C>> {
    return this.#held.view;
  }

  /** Resolves with the last reason when the actor is DEAD; never rejects. */
  get exited(): Promise<ExitReason> {
    return this.#exited.promise;
  }

  /**
   * Calls a method. Rejects with what it threw (CALL_FAILED unless it was a ShoalError), CANCELLED,
   * DEADLINE_EXCEEDED, QUEUE_FULL, INVALID_ARGUMENT for an argument that cannot be sent, ACTOR_UNAVAILABLE while
   * the actor restarts (calls do not wait for it), or ACTOR_DIED.
   */
  call<M extends CallName<C>>(method: M, ...rest: Rest<C, M, CallOptions>): Promise<ResultOf<C, M>>;
  async call(method: string, args: readonly unknown[] = [], options: CallOptions = {}): Promise<unknown> {
    return await this.#alive(method).calls.call(method, args, options);
  }

  /** Streams the items of a method; rejects as `call` does. Nothing is sent before the first `next()`. */
  stream<M extends StreamName<C>>(
    method: M,
    ...rest: Rest<C, M, StreamOptions>
  ): AsyncGenerator<ItemOf<C, M>, void, undefined>;
  async *stream(
    method: string,
    args: readonly unknown[] = [],
    options: StreamOptions = {},
  ): AsyncGenerator<unknown, void, undefined> {
    yield* this.#alive(method).calls.stream(method, args, options);
  }

  /**
   * Ends the actor: no new calls, the instance's `stop()`, the running calls to their end, then exit. After
   * `graceMs` SIGTERM, after `termGraceMs` more SIGKILL. A process still in creation gets SIGTERM at once.
   */
  stop(options: { readonly graceMs?: number } = {}): Promise<ExitReason> {
    const held = this.#held;
    if (held.kind === "ALIVE") {
      held.process.send({ type: "stop" });
      this.#enterStopping(held.process, "ASKED", options.graceMs ?? this.#settings.stopGraceMs);
    } else if (held.kind === "PENDING_CREATION") {
      this.#enterStopping(held.process, "SIGTERM", this.#settings.termGraceMs);
    } else if (held.kind === "RESTARTING" && held.next.step === "CREATING") {
      this.#enterStopping(held.next.process, "SIGTERM", this.#settings.termGraceMs);
    } else if (held.kind === "RESTARTING" && held.next.step === "WAITING") {
      held.next.timer.cancel();
      this.#enterDead({ kind: "INTENDED", exitCode: null, signal: null });
    }
    return this.exited;
  }

  /** Ends the actor by SIGKILL, also one that is stopping. */
  kill(): Promise<ExitReason> {
    const held = this.#held;
    if (held.kind === "RESTARTING" && held.next.step === "WAITING") {
      held.next.timer.cancel();
      this.#enterDead({ kind: "KILLED" });
    } else if (held.kind === "RESTARTING" && held.next.step === "CREATING") {
      this.#enterStopping(held.next.process, "SIGKILL", undefined, true);
    } else if (held.kind === "PENDING_CREATION" || held.kind === "ALIVE") {
      this.#enterStopping(held.process, "SIGKILL", undefined, true);
    } else if (held.kind === "STOPPING" && !held.killed) {
      held.timer?.cancel();
      this.#enterStopping(held.process, "SIGKILL", undefined, true);
    }
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The process to call, or the refusal of a call. */
  #alive(method: string): ActorProcess {
    if (this.#held.kind === "ALIVE") return this.#held.process;
    throw this.#callError(`Cannot call "${method}" of actor "${this.name}"`);
  }

  /** Why calls fail in the current state (invariant 5). */
  #callError(what: string): ShoalError {
    const { view } = this.#held;
    switch (view.kind) {
      case "RESTARTING":
        return new ShoalError(
          "ACTOR_UNAVAILABLE",
          `${what}: ${describeExit(view.cause)}, it is being restarted`,
          {
            retryAfterMs: view.delayMs,
          },
        );
      case "DEAD":
        return new ShoalError("ACTOR_DIED", `${what}: ${describeExit(view.reason)}`);
      case "PENDING_CREATION":
      case "ALIVE":
      case "STOPPING":
        return new ShoalError("ACTOR_DIED", `${what}: it is ${view.kind}`);
    }
  }

  #newProcess(incarnation: number): ActorProcess {
    return new ActorProcess(
      { ...this.#settings, incarnation },
      {
        onReady: (info, pid) => this.#onReady(info, pid),
        onEnd: (end) => this.#onEnd(end),
      },
    );
  }

  #launch(): void {
    if (this.#held.kind === "PENDING_CREATION") this.#held.process.launch();
  }

  #onReady(info: unknown, pid: number): void {
    const held = this.#held;
    const process =
      held.kind === "PENDING_CREATION"
        ? held.process
        : held.kind === "RESTARTING" && held.next.step === "CREATING"
          ? held.next.process
          : undefined;
    // Ready too late: it is being stopped.
    if (process === undefined) return;
    const { incarnation, restarts } = held.view;
    // The class says what `describe()` returns; the process runs that class.
    const view = { kind: "ALIVE", incarnation, restarts, pid, info: info as InfoOf<C> } as const;
    this.#enter({ kind: "ALIVE", view, process, sinceMs: this.#settings.clock.nowMs() }, "created");
    this.#created.resolve();
  }

  #onEnd(end: ProcessEnd): void {
    const held = this.#held;
    const calls = this.#processOf(held)?.calls;
    if (held.kind === "STOPPING") {
      held.timer?.cancel();
      this.#enterDead(held.killed ? { kind: "KILLED" } : intended(end));
    } else {
      this.#restartOrDie(end);
    }
    calls?.failAll(() => this.#callError(`Cannot finish a call of actor "${this.name}"`));
  }

  #restartOrDie(cause: ProcessEnd): void {
    const held = this.#held;
    const { maxRestarts, backoff, clock, log } = this.#settings;
    if (held.kind === "ALIVE" && clock.nowMs() - held.sinceMs >= backoff.stableMs) this.#streak = 0;
    const { restarts, incarnation } = held.view;
    if (cause.kind === "CREATION_FAILED") {
      const { message, remoteStack } = cause.error;
      log.warn({ actor: this.name, incarnation, remoteStack }, `creation failed: ${message}`);
    }
    const decision = decideRestart(cause, { restarts, streak: this.#streak }, { maxRestarts, backoff });
    if (decision.kind === "final") {
      this.#enterDead(cause, `${describeExit(cause)}; ${decision.why}`);
      return;
    }
    this.#streak++;
    const { delayMs } = decision;
    const counted = { incarnation: incarnation + 1, restarts: restarts + 1 };
    const view = { kind: "RESTARTING", step: "WAITING", cause, delayMs, ...counted } as const;
    const timer = clock.timer(delayMs, () => this.#recreate({ ...view, step: "CREATING" }));
    this.#enter({ kind: "RESTARTING", view, next: { step: "WAITING", timer } }, describeExit(cause));
  }

  #recreate(view: View<InfoOf<C>, "RESTARTING">): void {
    const process = this.#newProcess(view.incarnation);
    this.#enter(
      { kind: "RESTARTING", view, next: { step: "CREATING", process } },
      `after ${view.delayMs} ms`,
    );
    // `onTransition` may have ended the actor.
    if (this.#processOf(this.#held) === process) process.launch();
  }

  /** Enters the next step of stopping, and the one after it when `graceMs` pass. */
  #enterStopping(
    process: ActorProcess,
    step: View<InfoOf<C>, "STOPPING">["step"],
    graceMs: number | undefined,
    killed = false,
  ): void {
    const { clock, termGraceMs } = this.#settings;
    const { incarnation, restarts } = this.#held.view;
    const harden = (): void =>
      step === "ASKED"
        ? this.#enterStopping(process, "SIGTERM", termGraceMs)
        : this.#enterStopping(process, "SIGKILL", undefined);
    const timer = graceMs === undefined ? undefined : clock.timer(graceMs, harden);
    const view = { kind: "STOPPING", step, incarnation, restarts } as const;
    if (step === "SIGTERM") process.terminate(this.#held.kind === "STOPPING" ? "serving" : "creating");
    else if (step === "SIGKILL") process.signal(step);
    this.#enter({ kind: "STOPPING", view, process, killed, timer }, killed ? "killed" : `stop: ${step}`);
  }

  #enterDead(reason: ExitReason, why = describeExit(reason)): void {
    const { incarnation, restarts } = this.#held.view;
    this.#enter({ kind: "DEAD", view: { kind: "DEAD", reason, incarnation, restarts } }, why);
    this.#created.reject(startError(this.name, reason));
    this.#exited.resolve(reason);
  }

  #processOf(held: Held<InfoOf<C>>): ActorProcess | undefined {
    if (held.kind === "DEAD") return undefined;
    if (held.kind !== "RESTARTING") return held.process;
    return held.next.step === "CREATING" ? held.next.process : undefined;
  }

  /** The one place where the state changes (invariant 2). */
  #enter(to: Held<InfoOf<C>>, reason: string): void {
    const from = this.#held.kind;
    assert(TRANSITIONS[from].includes(to.kind), `actor "${this.name}" cannot go from ${from} to ${to.kind}`);
    this.#held = to;
    // Invariant 3; before anybody is told, who may want to use what is free now.
    if (to.kind === "DEAD") this.#lease?.release();
    const { log, onTransition } = this.#settings;
    log.info({ actor: this.name, incarnation: to.view.incarnation }, `${from} → ${to.kind} (${reason})`);
    try {
      onTransition?.({ from, to: to.view, reason });
    } catch (error) {
      log.error({ actor: this.name, err: error }, `onTransition failed: ${messageOf(error)}`);
    }
  }
}

function intended(end: ProcessEnd): ExitReason {
  const status = end.kind === "CRASHED" ? end : { exitCode: null, signal: null };
  return { kind: "INTENDED", exitCode: status.exitCode, signal: status.signal };
}
