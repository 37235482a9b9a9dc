// Sets a graph up on its actors: each joins with the part of the plan that is its own, and is connected with those it
// passes values to.
//
// 1. The sockets' folder is gone when the set-up is over, however it ended.
// 2. A graph whose set-up failed leaves nothing with any actor.

import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf, ShoalError } from "../../../base/index.ts";
import { FrameChannel } from "../../channel/frame-channel.ts";
import { creationOf } from "../../api/actor-handles.ts";
import { ObjectRef } from "../../api/object-ref.ts";
import type { WaitOptions } from "../../api/core.ts";
import type { Session } from "../../api/session.ts";
import type { GraphPlan } from "../graph.ts";
import type { Prepared } from "../../api/session.ts";
import { checkCompileOptions, type CompileOptions } from "./compile-options.ts";
import { CompiledGraph } from "./compiled-graph.ts";
import { JOIN_METHOD } from "./stage-entry.ts";
import type { StageChannel, StageMessage } from "./stage-messages.ts";
import { DRIVER, type DriverPlan, planStages, type Stage } from "./stage-plan.ts";
import { listen } from "./stage-sockets.ts";

/** How long to look for why an actor is gone. */
const REASON_MS = 5_000;

/** Rejects with INVALID_ARGUMENT, UNSUPPORTED or ACTOR_DIED; see `Graph.compile`. */
export async function compileGraph<Input, Values>(
  graph: GraphPlan,
  options: CompileOptions,
): Promise<CompiledGraph<Input, Values>> {
  const limits = checkCompileOptions(options);
  const plan = planStages(graph, limits.maxInFlight);
  const { session, output } = graph;
  const channels = new Map<number, StageChannel>();
  const compiled = new CompiledGraph<Input, Values>({ session, plan, output, limits, channels });
  const setUp = new SetUp({ session, plan, channels, compiled });
  await setUp.run(options.signal === undefined ? {} : { signal: options.signal });
  return compiled;
}

interface SetUpParts {
  readonly session: Session;
  readonly plan: DriverPlan;
  readonly channels: Map<number, StageChannel>;
  readonly compiled: Pick<CompiledGraph<unknown, unknown>, "receive" | "fail" | "isReady">;
}

class SetUp {
  readonly #parts: SetUpParts;
  readonly #open = new Set<StageChannel>();

  constructor(parts: SetUpParts) {
    this.#parts = parts;
  }

  async run(options: WaitOptions): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "shoal-graph-"));
    try {
      using _server = await listen(folder, DRIVER, (socket) => this.#onSocket(socket));
      await this.#all((stage) => this.#prepare(stage), options);
      await this.#all((stage) => this.#join(stage, folder), options);
    } catch (error) {
      this.#giveUp(error); // invariant 2
      if (error instanceof ShoalError) throw error;
      throw new ShoalError("INTERNAL", `Cannot compile the graph: ${messageOf(error)}`, { cause: error });
    } finally {
      await rm(folder, { recursive: true, force: true }); // invariant 1
    }
  }

  /** Does the same with all actors; of several failures it rejects with that of an actor that is gone. */
  async #all(submit: (stage: Stage) => ObjectRef<unknown>, options: WaitOptions): Promise<void> {
    const { session, plan } = this.#parts;
    const references = plan.stages.map(submit);
    try {
      await Promise.all(references.map((reference) => session.get([reference], options)));
    } catch (error) {
      this.#giveUp(error); // who waits for the others goes on
      if (options.signal?.aborted) throw error;
      const ends = await Promise.allSettled(
        references.map((reference) => session.get([reference], { timeoutMs: REASON_MS })),
      );
      const reasons = ends.map((end): unknown => (end.status === "rejected" ? end.reason : undefined));
      throw reasons.find(isOfDeadActor) ?? error;
    }
  }

  #giveUp(reason: unknown): void {
    const { compiled } = this.#parts;
    compiled.fail(reason instanceof ShoalError ? reason : new ShoalError("INTERNAL", messageOf(reason)));
    for (const channel of this.#open) channel.destroy();
  }

  #prepare(stage: Stage): ObjectRef<unknown> {
    const creation = creationOf(stage.handle);
    if (creation === undefined) {
      const what = `Cannot compile the node "${stage.label}": its handle was found by name, wanted one from create()`;
      throw new ShoalError("UNSUPPORTED", what);
    }
    return this.#submit(stage, PREPARE, [creation]);
  }

  #join(stage: Stage, folder: string): ObjectRef<unknown> {
    return this.#submit(stage, { kind: "call", method: JOIN_METHOD, group: undefined }, [stage.plan, folder]);
  }

  #submit({ actor, label }: Stage, work: Prepared["work"], args: readonly unknown[]): ObjectRef<unknown> {
    const prepared = { ...ONCE, actor, label: `${label} (compiled graph)`, work };
    const reference = this.#parts.session.submit(prepared, args);
    if (reference instanceof ObjectRef) return reference;
    throw new TypeError("one return is one reference");
  }

  #onSocket(socket: Socket): void {
    const { channels, compiled, plan } = this.#parts;
    let stage: Stage | undefined;
    const channel: StageChannel = new FrameChannel<StageMessage, StageMessage>(socket, {
      onMessage: (message, parts) => {
        if (message.type !== "hello") {
          compiled.receive(message, parts);
          return;
        }
        stage = plan.stages[message.from - 1];
        channels.set(message.from, channel);
        if (channels.size < plan.stages.length) return;
        for (const each of channels.values()) each.send({ type: "connect" });
      },
      onEnd: () => {
        this.#open.delete(channel);
        if (stage !== undefined && compiled.isReady) void this.#onGone(stage);
      },
    });
    this.#open.add(channel);
  }

  /** An actor has closed its connection: the runtime knows why. */
  async #onGone(stage: Stage): Promise<void> {
    const { session } = this.#parts;
    let error = new ShoalError(
      "ACTOR_DIED",
      `Cannot execute the graph: the actor of "${stage.label}" is gone`,
    );
    try {
      await session.get([this.#prepare(stage)], { timeoutMs: REASON_MS });
      const what = `Cannot execute the graph: the actor of "${stage.label}" was restarted, compile it again`;
      error = new ShoalError("ACTOR_UNAVAILABLE", what);
    } catch (reason) {
      if (isOfDeadActor(reason)) error = reason;
    }
    this.#giveUp(error);
  }
}

function isOfDeadActor(error: unknown): error is ShoalError {
  return error instanceof ShoalError && (error.code === "ACTOR_DIED" || error.code === "ACTOR_UNAVAILABLE");
}

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";

const PREPARE = {
  kind: "task",
  module: new URL(`./stage-entry${EXTENSION}`, import.meta.url).href,
  exportName: "prepareClass",
} as const;

/** A call that is not sent again. */
const ONCE = {
  numReturns: 1,
  placement: { resources: {}, strategy: { kind: "DEFAULT" } },
  maxRetries: 0,
  retryOn: "none",
  timeoutMs: undefined,
  window: 1,
  maxCalls: 0,
} as const;
