// An actor's end of a compiled graph, from its set-up to the end of the driver's connection. Runs in the actor's process.
//
// 1. It ends with the connection to the driver, however that goes; nothing is left of it then.

import type { Socket } from "node:net";
import type { Session } from "../../api/session.ts";
import { FrameChannel } from "../../channel/frame-channel.ts";
import { Refusal } from "../../worker/thrown.ts";
import { type StageChannel, type StageMessage, sendPassed } from "./stage-messages.ts";
import { DRIVER, type StagePlan } from "./stage-plan.ts";
import { StageRunner } from "./stage-runner.ts";
import { connectTo, listen } from "./stage-sockets.ts";

export interface StageOptions {
  readonly session: Session;
  readonly instance: object;
  readonly plan: StagePlan;
  /** Where the sockets are. */
  readonly folder: string;
}

export class Stage {
  readonly #options: StageOptions;
  readonly #runner: StageRunner;
  /** By the number of who is at the other end; what is sent to who is gone is dropped: the driver knows of it. */
  readonly #to = new Map<number, StageChannel>();
  readonly #all = new Set<StageChannel>();
  readonly #connect = Promise.withResolvers<void>();
  readonly #greeted = Promise.withResolvers<void>();
  #greetings = 0;
  readonly #end = Promise.withResolvers<never>();

  private constructor(options: StageOptions) {
    this.#options = options;
    const { session, instance, plan } = options;
    this.#end.promise.catch(() => undefined);
    this.#runner = new StageRunner({
      session,
      instance,
      plan,
      pass: ({ to, place }, execution, passed) => {
        const channel = this.#to.get(to);
        if (channel !== undefined) sendPassed(channel, { execution, place }, passed);
      },
    });
  }

  /** Resolves once it is connected to the driver, to the actors it sends to and to those that send to it. */
  static async join(options: StageOptions): Promise<Stage> {
    const stage = new Stage(options);
    const { folder, plan } = options;
    using _server = await listen(folder, plan.index, (socket) => stage.#open(socket));
    const driver = stage.#open(await connectTo(folder, DRIVER), () => stage.#close());
    stage.#to.set(DRIVER, driver);
    driver.send({ type: "hello", from: plan.index });
    await Promise.race([stage.#connect.promise, stage.#end.promise]);
    const peers = new Set(plan.steps.flatMap(({ returns }) => returns.flat().map(({ to }) => to)));
    for (const peer of peers) {
      if (peer === plan.index || peer === DRIVER) continue;
      const channel = stage.#open(await connectTo(folder, peer));
      channel.send({ type: "hello", from: plan.index });
      stage.#to.set(peer, channel);
    }
    if (plan.senders > 0) await Promise.race([stage.#greeted.promise, stage.#end.promise]);
    return stage;
  }

  #open(socket: Socket, onEnd: () => void = () => {}): StageChannel {
    const channel: StageChannel = new FrameChannel<StageMessage, StageMessage>(socket, {
      onMessage: (message, parts) => this.#onMessage(message, parts),
      onEnd: () => {
        this.#all.delete(channel);
        onEnd();
      },
    });
    this.#all.add(channel);
    return channel;
  }

  #onMessage(message: StageMessage, parts: readonly Uint8Array[]): void {
    switch (message.type) {
      case "value":
        this.#runner.receive(message.execution, message.place, { parts });
        break;
      case "error":
        this.#runner.receive(message.execution, message.place, { error: message.error });
        break;
      case "connect":
        this.#connect.resolve();
        break;
      case "hello":
        if (++this.#greetings === this.#options.plan.senders) this.#greeted.resolve();
        break;
    }
  }

  /** Invariant 1. */
  #close(): void {
    for (const channel of this.#all) channel.destroy();
    this.#to.clear();
    this.#end.reject(new Refusal("CANCELLED", "Cannot join the graph: its driver has gone"));
  }
}
