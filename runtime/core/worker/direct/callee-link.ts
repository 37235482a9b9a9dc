// The caller's end of a connection to one process of an actor: calls that were sent and are not over.
//
// 1. A call is told to its owner once: over, moved, refused, or lost with the connection.
// 2. What is lost comes in the order in which it was sent.

import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { ShoalError } from "../../../base/index.ts";
import type { CancelOptions, Outcome, TaskSpec } from "../../api/core.ts";
import { FrameChannel } from "../../channel/frame-channel.ts";
import type { FromCallee, RouteAnswer, ToCallee } from "../../workers/direct-messages.ts";
import type { Id, Work } from "../../workers/messages.ts";

/** Mostly a handful: names of calls are the caller's to choose. */
const MAX_METHODS = 1_000;

export type Route = Extract<RouteAnswer, { kind: "route" }>;

export interface SentCall {
  readonly spec: TaskSpec;
  readonly sentMs: number;
  /** Whether the head has been told that it runs. */
  reported: boolean;
}

export interface LinkEvents {
  onOver(call: SentCall, outcome: Outcome, link: CalleeLink): void;
  /** It runs there, and is to be handed over. */
  onMoved(call: SentCall, link: CalleeLink): void;
  onRefused(call: SentCall): void;
  /** The connection is gone, and with it mostly the process. */
  onLost(calls: readonly SentCall[], link: CalleeLink): void;
}

export class CalleeLink {
  readonly route: Route;
  readonly pending = new Map<Id, SentCall>();
  readonly #channel: FrameChannel<FromCallee, ToCallee>;
  readonly #events: LinkEvents;
  readonly #methods = new Map<string, number>();
  /** By what a handle prepares once for each of its methods. */
  #prepared = new WeakMap<Work, number>();
  #sent = 0;
  #isClosed = false;

  private constructor(route: Route, socket: Socket, events: LinkEvents) {
    this.route = route;
    this.#events = events;
    this.#channel = new FrameChannel(socket, {
      onMessage: (message: FromCallee, parts) => this.#onMessage(message, parts),
      onEnd: () => this.#onEnd(),
    });
  }

  /** Rejects when nobody listens there any more. */
  static async open(route: Route, caller: number, events: LinkEvents): Promise<CalleeLink> {
    const socket = connect(route.path);
    await once(socket, "connect");
    const link = new CalleeLink(route, socket, events);
    link.#channel.send({ type: "hello", caller });
    return link;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Calls that were sent over it, also those that are over. */
  get sent(): number {
    return this.#sent;
  }

  send(spec: TaskSpec, sentMs: number): void {
    const method = this.#numberOf(spec);
    this.#sent++;
    this.pending.set(spec.task, { spec, sentMs, reported: false });
    this.#channel.send([spec.task, method], spec.args);
  }

  /** Nobody waits for the call any more; returns it when it was on its way. */
  cancel(task: Id, { force, recursive }: CancelOptions): SentCall | undefined {
    const call = this.#take(task);
    if (call !== undefined) this.#channel.send({ type: "cancel", task, force, recursive });
    return call;
  }

  #take(task: Id): SentCall | undefined {
    const call = this.pending.get(task);
    if (call !== undefined) this.pending.delete(task); // invariant 1
    return call;
  }

  /** What all calls of a method have is told once. */
  #numberOf({ label, work, window }: TaskSpec): number {
    const prepared = this.#prepared.get(work);
    if (prepared !== undefined) return prepared;
    if (work.kind !== "call") throw new TypeError("only calls go directly");
    const { method, group } = work;
    const key = JSON.stringify([label, method, group, window]);
    let number = this.#methods.get(key);
    if (number === undefined) {
      // From the beginning: a call means what its number was told to be last.
      if (this.#methods.size === MAX_METHODS) {
        this.#methods.clear();
        this.#prepared = new WeakMap();
      }
      number = this.#methods.size;
      this.#methods.set(key, number);
      this.#channel.send({ type: "method", number, label, method, group, window });
    }
    this.#prepared.set(work, number);
    return number;
  }

  #onMessage(message: FromCallee, parts: readonly Uint8Array[]): void {
    const call = this.#take(typeof message === "number" ? message : message.task);
    if (call === undefined) return; // cancelled
    if (typeof message === "number") {
      this.#events.onOver(call, { kind: "value", parts }, this);
      return;
    }
    switch (message.type) {
      case "failed":
        this.#events.onOver(call, { kind: "error", error: this.#errorOf(call, message) }, this);
        break;
      case "moves":
        this.#events.onMoved(call, this);
        break;
      case "refused":
        this.#events.onRefused(call);
        break;
    }
  }

  #errorOf({ spec }: SentCall, { error, name, typed }: Extract<FromCallee, { type: "failed" }>): ShoalError {
    if (typed) return ShoalError.fromWire(error);
    const { workerIndex, pid } = this.route;
    const where = `task "${spec.label}" on worker ${workerIndex} (pid ${pid})`;
    return ShoalError.fromWire({ ...error, message: `${where} threw ${name}: ${error.message}` });
  }

  #onEnd(): void {
    this.#isClosed = true;
    const lost = [...this.pending.values()]; // invariant 2
    this.pending.clear();
    this.#events.onLost(lost, this);
  }
}
