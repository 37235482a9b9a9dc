// How this process calls actors: by way of the head, or over a connection to the actor's own process.
//
// 1. Calls of one actor begin in their order, whichever way they go. To the direct way a caller changes behind what it
//    sent by way of the head: the actor answers the head's question for it when it has begun all that; calls made
//    meanwhile wait here. A call by way of the head says how many direct ones go before it.
// 2. Only a call that can end in nothing but a small value or an error goes directly. What becomes something else,
//    or is lost with its connection, is handed over: the head does with it what it does with its own.
// 3. An actor is told to be without handles only when no direct call to it is left.

import type { Clock } from "../../../base/index.ts";
import { ShoalError } from "../../../base/index.ts";
import type { CancelOptions, Outcome, StreamSink, TaskSpec } from "../../api/core.ts";
import type { HandedOver, RouteAnswer } from "../../workers/direct-messages.ts";
import type { Id } from "../../workers/messages.ts";
import { CalleeLink, type SentCall } from "./callee-link.ts";
import type { CallReporter } from "./call-reporter.ts";
import type { LocalObjects } from "./local-objects.ts";

/** After so many calls in a row that could go directly they do: one with references costs the change back. */
const DIRECT_AFTER = 16;

export interface DirectCallsOptions {
  /** Of this process. */
  readonly index: number;
  readonly clock: Clock;
  readonly objects: LocalObjects;
  readonly reporter: CallReporter;
  /** To the head; `direct` for what was sent directly or was to be. */
  readonly submit: (spec: TaskSpec, direct?: HandedOver | "unsent") => void;
  readonly askRoute: (actor: Id) => Promise<RouteAnswer>;
  readonly listen: (task: Id, sink: StreamSink) => void;
  readonly release: (objects: readonly Id[]) => void;
}

interface Way {
  readonly actor: Id;
  mode:
    | { readonly kind: "HEAD"; streak: number }
    /** Calls wait for the answer. */
    | { readonly kind: "ASKING"; readonly waiting: TaskSpec[] }
    | { readonly kind: "DIRECT"; readonly link: CalleeLink }
    | { readonly kind: "NEVER" };
  /** The connection, as long as it is there: also with calls on it that were sent before the way changed. */
  link: CalleeLink | undefined;
  /** A handle was released while calls were on their way (invariant 3). */
  released: boolean;
}

export class DirectCalls {
  readonly #options: DirectCallsOptions;
  readonly #ways = new Map<Id, Way>();

  constructor(options: DirectCallsOptions) {
    this.#options = options;
  }

  submit(spec: TaskSpec): void {
    if (spec.actor === undefined) {
      this.#options.submit(spec);
      return;
    }
    const way = this.#wayOf(spec.actor);
    if (!mayGoDirectly(spec)) this.#submit(way, spec, true);
    else if (way.mode.kind === "DIRECT") this.#send(way.mode.link, spec);
    else if (way.mode.kind === "ASKING") this.#keep(way.mode.waiting, spec);
    else this.#submit(way, spec, false);
  }

  /** False when the call is none of ours. */
  cancel(object: Id, options: CancelOptions): boolean {
    for (const way of this.#ways.values()) {
      const call = this.#takeCall(way, object - 1, options);
      if (call === undefined) continue;
      const error = new ShoalError("CANCELLED", `Task "${call.spec.label}" was cancelled`);
      this.#over(way, call, { kind: "error", error });
      return true;
    }
    return false;
  }

  /** Those that the code of `parent` made. */
  cancelChildren(parent: Id, force: boolean): void {
    const children: Id[] = [];
    for (const { mode, link } of this.#ways.values()) {
      if (mode.kind === "ASKING")
        for (const spec of mode.waiting) if (spec.parent === parent) children.push(spec.task);
      if (link !== undefined)
        for (const { spec } of link.pending.values()) if (spec.parent === parent) children.push(spec.task);
    }
    for (const task of children) this.cancel(task + 1, { force, recursive: true });
  }

  /** Whether the head has to wait with the release of this actor (invariant 3). */
  defersRelease(actor: Id): boolean {
    const way = this.#ways.get(actor);
    if (way === undefined) return false;
    way.released = isBusy(way);
    if (!way.released && way.link === undefined) this.#ways.delete(actor);
    return way.released;
  }

  /** A handle is there again: whether the head knows nothing of its release yet. */
  takesBack(actor: Id): boolean {
    const way = this.#ways.get(actor);
    if (way === undefined || !way.released) return false;
    way.released = false;
    return true;
  }

  #wayOf(actor: Id): Way {
    let way = this.#ways.get(actor);
    if (way === undefined) {
      way = { actor, mode: { kind: "HEAD", streak: 0 }, link: undefined, released: false };
      this.#ways.set(actor, way);
    }
    return way;
  }

  /** By way of the head. */
  #submit(way: Way, spec: TaskSpec, breaksStreak: boolean): void {
    const { mode } = way;
    if (mode.kind === "ASKING") this.#giveUpAsking(way, mode.waiting);
    if (breaksStreak && mode.kind !== "NEVER") way.mode = { kind: "HEAD", streak: 0 };
    this.#options.submit(this.#after(way, spec)); // invariant 1
    if (way.mode.kind === "HEAD" && !breaksStreak && ++way.mode.streak >= DIRECT_AFTER) void this.#ask(way);
  }

  #send(link: CalleeLink, spec: TaskSpec): void {
    this.#options.objects.create(spec.task + 1, spec.label);
    link.send(spec, this.#options.clock.nowMs());
    this.#options.reporter.sent(link);
  }

  #keep(waiting: TaskSpec[], spec: TaskSpec): void {
    this.#options.objects.create(spec.task + 1, spec.label);
    waiting.push(spec);
  }

  async #ask(way: Way): Promise<void> {
    const waiting: TaskSpec[] = [];
    const asking = { kind: "ASKING", waiting } as const;
    way.mode = asking;
    const answer = await this.#options.askRoute(way.actor);
    const link = answer.kind === "route" ? await this.#linkTo(way, answer) : undefined;
    if (way.mode !== asking) return; // given up meanwhile
    if (link === undefined || link.isClosed) {
      way.mode = answer.kind === "never" ? { kind: "NEVER" } : { kind: "HEAD", streak: 0 };
      for (const spec of waiting) this.#handOver(way, spec, undefined);
      this.#settled(way);
      return;
    }
    way.mode = { kind: "DIRECT", link };
    const nowMs = this.#options.clock.nowMs();
    for (const spec of waiting) link.send(spec, nowMs);
    this.#options.reporter.sent(link);
  }

  /** The connection that is there, or a new one; undefined when that fails. */
  async #linkTo(way: Way, route: Extract<RouteAnswer, { kind: "route" }>): Promise<CalleeLink | undefined> {
    if (way.link?.route.incarnation === route.incarnation) return way.link;
    try {
      const link = await CalleeLink.open(route, this.#options.index, {
        onOver: (call, outcome) => this.#over(way, call, outcome),
        onMoved: (call, { route: { incarnation } }) => {
          this.#handOver(way, call.spec, { incarnation, runs: true });
          this.#settled(way);
        },
        onRefused: ({ spec }) => {
          this.#handOver(way, spec, undefined);
          this.#settled(way);
        },
        onLost: (calls, lost) => this.#lost(way, calls, lost),
      });
      way.link = link;
      return link;
    } catch {
      return undefined;
    }
  }

  #over(way: Way, call: SentCall, outcome: Outcome): void {
    this.#options.objects.settle(call.spec.task + 1, outcome);
    if (way.link !== undefined) this.#options.reporter.ended(way.link, call, outcome);
    if (way.released) this.#settled(way);
  }

  #lost(way: Way, calls: readonly SentCall[], link: CalleeLink): void {
    const { incarnation } = link.route;
    if (way.link === link) way.link = undefined;
    if (way.mode.kind === "DIRECT" && way.mode.link === link) way.mode = { kind: "HEAD", streak: 0 };
    for (const { spec } of calls) this.#handOver(way, spec, { incarnation, runs: false });
    this.#settled(way);
    if (way.mode.kind === "HEAD" && way.link === undefined) this.#ways.delete(way.actor);
  }

  /** A call with references may not overtake those that wait for an answer, nor may it wait with them. */
  #giveUpAsking(way: Way, waiting: readonly TaskSpec[]): void {
    way.mode = { kind: "HEAD", streak: 0 };
    for (const spec of waiting) this.#handOver(way, spec, undefined);
  }

  /** Invariant 2. Without `handedOver` it was sent nowhere yet. */
  #handOver(way: Way, spec: TaskSpec, handedOver: HandedOver | undefined): void {
    const object = spec.task + 1;
    if (handedOver === undefined) this.#options.submit(this.#after(way, spec), "unsent");
    else this.#options.submit(spec, handedOver);
    const { isHeld, sink } = this.#options.objects.move(object);
    if (!isHeld) this.#options.release([object]);
    if (sink !== undefined) this.#options.listen(spec.task, sink);
  }

  /** Invariant 1. */
  #after({ link }: Way, spec: TaskSpec): TaskSpec {
    if (link === undefined) return spec;
    const after = { caller: this.#options.index, incarnation: link.route.incarnation, count: link.sent };
    return { ...spec, after };
  }

  #takeCall({ mode, link }: Way, task: Id, options: CancelOptions): SentCall | undefined {
    if (mode.kind === "ASKING") {
      const at = mode.waiting.findIndex((spec) => spec.task === task);
      const [spec] = at < 0 ? [] : mode.waiting.splice(at, 1);
      if (spec !== undefined) return { spec, sentMs: this.#options.clock.nowMs(), reported: false };
    }
    return link?.cancel(task, options);
  }

  /** Invariant 3. */
  #settled(way: Way): void {
    if (!way.released || isBusy(way)) return;
    way.released = false;
    this.#options.release([way.actor]);
  }
}

function isBusy({ mode, link }: Way): boolean {
  return (mode.kind === "ASKING" && mode.waiting.length > 0) || (link !== undefined && link.pending.size > 0);
}

/** Invariant 2. Deadlines and retries of what was thrown are the head's. */
function mayGoDirectly({ work, references, contains, numReturns, timeoutMs, retryOn }: TaskSpec): boolean {
  return (
    work.kind === "call" &&
    references.length === 0 &&
    contains.length === 0 &&
    numReturns === 1 &&
    timeoutMs === undefined &&
    retryOn === "none"
  );
}
