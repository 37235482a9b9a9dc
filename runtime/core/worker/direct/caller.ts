// One process that calls this actor directly, as the actor sees it.
//
// 1. A call by way of the head that names direct ones to go before it begins when those have.
// 2. What a caller sent ends with the caller: its calls are cancelled.

import type { CancelOptions, Parts } from "../../api/core.ts";
import type { FrameChannel } from "../../channel/frame-channel.ts";
import type { FromCallee, MethodMessage, ToCallee } from "../../workers/direct-messages.ts";
import type { Id, RunMessage, Work } from "../../workers/messages.ts";
import type { Thrown } from "../thrown.ts";

/** Where the outcome of a direct call goes. */
export interface DirectReply {
  answer(task: Id, parts: Parts): void;
  fail(task: Id, thrown: Thrown): void;
  /** It was not begun. */
  refuse(task: Id): void;
  /** The outcome is for the head, who knows of the call when this resolves; with false when nobody waits for it. */
  move(task: Id): Promise<boolean>;
}

export interface CallerOptions {
  readonly run: (message: RunMessage, parts: Parts, reply?: DirectReply) => void;
  readonly cancel: (task: Id, options: CancelOptions) => void;
  readonly move: (task: Id) => Promise<boolean>;
  readonly onGone: () => void;
  /** To the head: it will not run. */
  readonly giveBack: (task: Id) => void;
}

interface Held {
  readonly message: RunMessage;
  readonly parts: Parts;
  readonly count: number;
}

interface Method {
  readonly label: string;
  readonly work: Work;
  readonly window: number;
}

type Channel = FrameChannel<ToCallee, FromCallee>;

const NO_REFERENCES: RunMessage["references"] = [];

export class Caller implements DirectReply {
  readonly #options: CallerOptions;
  readonly #methods: Method[] = [];
  readonly #running = new Set<Id>();
  #channel: Channel | undefined;
  #held: Held[] = [];
  #received = 0;
  #isGone = false;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  attach(channel: Channel): void {
    this.#channel = channel;
  }

  onMessage(message: ToCallee, parts: Parts): void {
    if (!("type" in message)) this.#onCall(message[0], message[1], parts);
    else if (message.type === "method") this.#onMethod(message);
    else if (message.type === "cancel" && this.#running.delete(message.task))
      this.#options.cancel(message.task, message);
  }

  runAfter(held: Held): void {
    if (this.#isGone || this.#received >= held.count) this.#options.run(held.message, held.parts);
    else this.#held.push(held);
  }

  cancelHeld(task: Id): boolean {
    const left = this.#held.filter(({ message }) => message.task !== task);
    if (left.length === this.#held.length) return false;
    this.#held = left;
    this.#options.giveBack(task);
    return true;
  }

  answer(task: Id, parts: Parts): void {
    this.#running.delete(task);
    this.#channel?.send(task, parts);
  }

  fail(task: Id, { error, name, typed }: Thrown): void {
    this.#running.delete(task);
    this.#channel?.send({ type: "failed", task, error, name, typed });
  }

  refuse(task: Id): void {
    this.#running.delete(task);
    this.#channel?.send({ type: "refused", task });
  }

  move(task: Id): Promise<boolean> {
    if (this.#isGone || !this.#running.has(task)) return Promise.resolve(false);
    this.#channel?.send({ type: "moves", task });
    return this.#options.move(task).finally(() => this.#running.delete(task));
  }

  async close(): Promise<void> {
    await this.#channel?.close();
  }

  /** Invariant 2. */
  onGone(): void {
    this.#isGone = true;
    this.#options.onGone();
    for (const task of this.#running) this.#options.cancel(task, { force: true, recursive: true });
    this.#running.clear();
    this.#runHeld();
  }

  #onMethod({ number, label, method, group, window }: MethodMessage): void {
    this.#methods[number] = { label, work: { kind: "call", method, group }, window };
  }

  #onCall(task: Id, number: number, parts: Parts): void {
    const method = this.#methods[number];
    if (method === undefined) throw new TypeError("a method is told before it is called");
    const { label, work, window } = method;
    this.#received++;
    this.#running.add(task);
    const message: RunMessage = {
      type: "run",
      task,
      label,
      work,
      args: parts.length,
      references: NO_REFERENCES,
      numReturns: 1,
      attempt: 1,
      window,
    };
    this.#options.run(message, parts, this);
    if (this.#held.length > 0) this.#runHeld();
  }

  /** Invariant 1. */
  #runHeld(): void {
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      if (!this.#isGone && this.#received < first.count) return;
      this.#held.shift();
      this.#options.run(first.message, first.parts);
    }
  }
}
