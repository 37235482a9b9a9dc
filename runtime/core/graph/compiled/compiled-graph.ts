// A graph set up on its actors: an input goes to them straight, results come back straight, in order.
//
// 1. At most `maxInFlight` executions are on their way; further ones wait their turn, and `maxQueued` of those.
// 2. Results come in the order of the executions, and an error is the error of its execution only.
// 3. When an actor is gone, all executions fail with why, at once, and later ones too: a graph is not mended.

import { ShoalError, systemClock } from "../../../base/index.ts";
import { abortError } from "../../abort-error.ts";
import { checkWait, NO_OPTIONS } from "../../api/check-waits.ts";
import type { Parts, WaitOptions } from "../../api/core.ts";
import type { Session } from "../../api/session.ts";
import { memberOf } from "../input-node.ts";
import { fillOutput, type OutputShape } from "../outputs.ts";
import type { CompileLimits } from "./compile-options.ts";
import { type Passed, type StageChannel, type StageMessage, sendPassed } from "./stage-messages.ts";
import type { Destination, DriverPlan } from "./stage-plan.ts";

export type CompiledExecuteOptions = WaitOptions;

export interface CompiledParts {
  readonly session: Session;
  readonly plan: DriverPlan;
  readonly output: OutputShape;
  readonly limits: CompileLimits;
  /** By the number of their actor. */
  readonly channels: ReadonlyMap<number, StageChannel>;
}

interface Execution<Values> {
  /** Held as long as its readers may need what it refers to. */
  readonly input: unknown;
  readonly sent: readonly { readonly parts: Parts; readonly to: readonly Destination[] }[];
  readonly values: Passed[];
  missing: number;
  readonly result: PromiseWithResolvers<Values>;
}

type State =
  | { readonly kind: "READY" }
  | { readonly kind: "FAILED"; readonly error: ShoalError }
  | { readonly kind: "CLOSED"; readonly error: ShoalError };

export class CompiledGraph<Input, Values> implements AsyncDisposable {
  readonly #parts: CompiledParts;
  #state: State = { kind: "READY" };
  /** By number, in the order in which they began (invariant 2). */
  readonly #inFlight = new Map<number, Execution<Values>>();
  readonly #queue: Execution<Values>[] = [];
  #lastNumber = 0;

  /** Made by `graph.compile`. */
  constructor(parts: CompiledParts) {
    this.#parts = parts;
  }

  /**
   * The values of the output. Rejects with what a method threw; with QUEUE_FULL; with DEADLINE_EXCEEDED or CANCELLED by
   * its options, while the execution goes on and keeps its place; with ACTOR_DIED or ACTOR_UNAVAILABLE when an actor is
   * gone, or CANCELLED after `teardown`.
   */
  async execute(input: Input, options: CompiledExecuteOptions = NO_OPTIONS): Promise<Values> {
    checkWait(options, "execute");
    if (this.#state.kind !== "READY") throw this.#state.error;
    const { maxInFlight, maxQueued } = this.#parts.limits;
    const waits = this.#inFlight.size >= maxInFlight;
    if (waits && this.#queue.length >= maxQueued) {
      const what = `Cannot execute the graph: ${maxInFlight} executions are on their way and ${maxQueued} wait`;
      throw new ShoalError("QUEUE_FULL", what); // invariant 1
    }
    const execution = this.#prepare(input);
    if (waits) this.#queue.push(execution);
    else this.#begin(execution);
    return await this.#within(execution, options);
  }

  /** Disconnects the actors, which stay; executions that are not over fail with CANCELLED. The same promise every time. */
  async teardown(): Promise<void> {
    if (this.#state.kind === "CLOSED") return;
    this.#end({ kind: "CLOSED", error: new ShoalError("CANCELLED", "The compiled graph was torn down") });
    await Promise.all([...this.#parts.channels.values()].map((channel) => channel.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.teardown();
  }

  /** For `compile`: what an actor says. */
  receive(message: StageMessage, parts: Parts): void {
    if (message.type !== "value" && message.type !== "error") return;
    const execution = this.#inFlight.get(message.execution);
    if (execution === undefined) return;
    execution.values[message.place] = message.type === "value" ? { parts } : { error: message.error };
    if (--execution.missing > 0) return;
    this.#inFlight.delete(message.execution);
    const next = this.#queue.shift();
    if (next !== undefined) this.#begin(next);
    this.#settle(execution);
  }

  /** For `compile`: an actor is gone. */
  fail(error: ShoalError): void {
    if (this.#state.kind === "READY") this.#end({ kind: "FAILED", error });
  }

  get isReady(): boolean {
    return this.#state.kind === "READY";
  }

  /** Throws INVALID_ARGUMENT for an input that cannot be sent; nothing is sent then. */
  #prepare(input: Input): Execution<Values> {
    const { session, plan } = this.#parts;
    const sent = plan.inputs.map(({ path, to }) => ({ parts: encode(session, memberOf(input, path)), to }));
    const result = Promise.withResolvers<Values>();
    return { input, sent, values: [], missing: plan.places, result };
  }

  #begin(execution: Execution<Values>): void {
    const number = ++this.#lastNumber;
    this.#inFlight.set(number, execution);
    for (const { parts, to } of execution.sent) {
      for (const { to: actor, place } of to) {
        const channel = this.#parts.channels.get(actor);
        if (channel !== undefined) sendPassed(channel, { execution: number, place }, { parts });
      }
    }
  }

  #settle({ values, result }: Execution<Values>): void {
    const { session, plan, output } = this.#parts;
    try {
      const outputs = plan.outputs.map((place) => {
        const passed = values[place];
        if (passed === undefined) throw new TypeError("an execution is over when all its values are there");
        if ("error" in passed) throw ShoalError.fromWire(passed.error);
        return session.decode(passed.parts);
      });
      result.resolve(fillOutput<Values>(output, outputs));
    } catch (error) {
      result.reject(error);
    }
  }

  async #within({ result }: Execution<Values>, { timeoutMs, signal }: WaitOptions): Promise<Values> {
    if (timeoutMs === undefined && signal === undefined) return await result.promise;
    result.promise.catch(() => undefined); // it may come after its reader has gone
    const early = Promise.withResolvers<never>();
    const onAbort = (): void => early.reject(abortError(signal?.reason, "Cannot wait for the graph"));
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    const late = new ShoalError("DEADLINE_EXCEEDED", `The graph has no result within ${timeoutMs} ms`);
    const timer =
      timeoutMs === undefined ? undefined : systemClock.timer(timeoutMs, () => early.reject(late));
    try {
      return await Promise.race([result.promise, early.promise]);
    } finally {
      timer?.cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Invariant 3. */
  #end(state: Exclude<State, { kind: "READY" }>): void {
    this.#state = state;
    const unfinished = [...this.#inFlight.values(), ...this.#queue];
    this.#inFlight.clear();
    this.#queue.length = 0;
    for (const { result } of unfinished) result.reject(state.error);
  }
}

function encode(session: Session, value: unknown): Parts {
  try {
    return session.encode(value).parts;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ShoalError("INVALID_ARGUMENT", `Cannot execute the graph with this input: ${why}`, { cause });
  }
}
