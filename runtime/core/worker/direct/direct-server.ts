// The actor's end of direct calls: the socket, and who may call over it.
//
// 1. A process is let in when everything it called before, by way of the head, has begun here.
// 2. Once the actor is being stopped nothing more is begun, and what was answered has been written when `close` resolves.

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { CancelOptions, Parts } from "../../api/core.ts";
import { FrameChannel } from "../../channel/frame-channel.ts";
import type { FromCallee, ToCallee } from "../../workers/direct-messages.ts";
import type { FromWorker, Id, RunMessage } from "../../workers/messages.ts";
import { Caller, type DirectReply } from "./caller.ts";

export interface DirectServerOptions {
  /** For the socket's file. */
  readonly folder: string;
  /** Of this process. */
  readonly index: number;
  readonly run: (message: RunMessage, parts: Parts, reply?: DirectReply) => void;
  readonly cancel: (task: Id, options: CancelOptions) => void;
  /** Of the actor here. */
  readonly incarnation: () => number | undefined;
  readonly send: (message: FromWorker) => void;
}

export class DirectServer {
  readonly #options: DirectServerOptions;
  readonly #callers = new Map<number, Caller>();
  /** Calls that run here and wait until the head knows of them. */
  readonly #moving = new Map<Id, (known: boolean) => void>();
  #listening: Promise<string | undefined> | undefined;
  #socket: Server | undefined;
  #isStopping = false;

  constructor(options: DirectServerOptions) {
    this.#options = options;
  }

  /** Invariant 1: the head asks behind what the caller sent by way of it. */
  async admit(index: number, request: number): Promise<void> {
    const { run, cancel, send } = this.#options;
    if (!this.#callers.has(index)) {
      const caller = new Caller({
        run: (message, parts, reply) => {
          if (reply !== undefined && this.#isStopping)
            reply.refuse(message.task); // invariant 2
          else run(message, parts, reply);
        },
        cancel: (task, options) => {
          this.#moving.get(task)?.(false);
          cancel(task, options);
          if (options.recursive) send({ type: "cancel-children", task, force: options.force });
        },
        move: (task) => this.#move(task),
        onGone: () => this.#callers.delete(index),
        giveBack: (task) => send({ type: "returned", tasks: [task] }),
      });
      this.#callers.set(index, caller);
    }
    const path = await (this.#listening ??= this.#listen());
    send({ type: "listening", request, path });
  }

  /** Runs a call by way of the head, once the direct ones that go before it are here. */
  runInOrder(message: RunMessage, parts: Parts): void {
    const { after } = message;
    // Of another incarnation nothing comes here any more.
    const isOfThis = after?.incarnation === this.#options.incarnation();
    const caller = after === undefined || !isOfThis ? undefined : this.#callers.get(after.caller);
    if (after === undefined || caller === undefined) this.#options.run(message, parts);
    else caller.runAfter({ message, parts, count: after.count });
  }

  /** Whether a call was held, and is not to run any more. */
  cancelHeld(task: Id): boolean {
    for (const caller of this.#callers.values()) if (caller.cancelHeld(task)) return true;
    return false;
  }

  /** The head knows of a call whose outcome moves. */
  adopted(task: Id): void {
    const resolve = this.#moving.get(task);
    // Its caller is gone, and the call with it.
    if (resolve === undefined) this.#options.send({ type: "returned", tasks: [task] });
    else resolve(true);
  }

  stop(): void {
    this.#isStopping = true;
  }

  /** Invariant 2. */
  async close(): Promise<void> {
    this.#socket?.close();
    await Promise.all(Array.from(this.#callers.values(), (caller) => caller.close()));
  }

  #move(task: Id): Promise<boolean> {
    return new Promise((resolve) => {
      this.#moving.set(task, (known) => {
        this.#moving.delete(task);
        resolve(known);
      });
    });
  }

  /** The path, or undefined when there can be no socket. */
  async #listen(): Promise<string | undefined> {
    const { folder, index } = this.#options;
    const path = join(folder, `calls-${index}`);
    try {
      const server = createServer((socket) => this.#accept(socket));
      this.#socket = server;
      server.listen(path);
      await once(server, "listening");
      server.on("error", () => undefined); // of one connection that could not be accepted: its caller hears of it
      return path;
    } catch {
      return undefined;
    }
  }

  #accept(socket: Socket): void {
    let caller: Caller | undefined;
    const channel = new FrameChannel<ToCallee, FromCallee>(socket, {
      onMessage: (message, parts) => {
        if (caller !== undefined) caller.onMessage(message, parts);
        else if ("type" in message && message.type === "hello") {
          caller = this.#callers.get(message.caller);
          if (caller === undefined) socket.destroy();
          else caller.attach(channel);
        }
      },
      onEnd: () => caller?.onGone(),
    });
  }
}
