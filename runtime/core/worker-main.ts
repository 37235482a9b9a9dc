// The entry of an actor's process: loads the class, makes the instance, runs its calls, ends.
// Arguments: the parent's process id, and the actor's name for whoever reads a list of processes.
//
// 1. The watchdog runs before any user code is loaded.
// 2. Ctrl-C, a closing terminal and a supervisor's SIGTERM reach the whole process group; here they are ignored, the
//    parent decides. Its own SIGTERM comes as a message; as a signal it ends a process in creation only.
// 3. The process ends as soon as the channel to its parent does.

import { CallRunner } from "./call-runner.ts";
import { callContext } from "./call-context.ts";
import type { FromActor, ToActor } from "./protocol.ts";
import { describeThrown, Refusal } from "./thrown.ts";
import { startWatchdog } from "./watchdog.ts";

type CreateMessage = Extract<ToActor, { type: "create" }>;

interface Serving {
  readonly kind: "SERVING";
  readonly instance: object;
  readonly runner: CallRunner;
  readonly created: CreateMessage;
}

let state:
  | { readonly kind: "CREATING" }
  | Serving
  | { readonly kind: "STOPPING"; readonly runner: CallRunner } = {
  kind: "CREATING",
};

const ignore = (): void => {};

startWatchdog(Number(process.argv[2]));
process.on("SIGINT", ignore);
process.on("SIGHUP", ignore);
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("message", (message: ToActor) => {
  switch (message.type) {
    case "create":
      void create(message);
      break;
    case "call":
    case "stream":
      if (state.kind === "SERVING") void state.runner.run(message);
      else
        send({
          type: "error",
          id: message.id,
          error: { code: "ACTOR_DIED", message: "the actor is stopping" },
        });
      break;
    case "credit":
      if (state.kind !== "CREATING") state.runner.credit(message.id, message.count);
      break;
    case "cancel":
      if (state.kind !== "CREATING") state.runner.cancel(message.id);
      break;
    case "stop":
      if (state.kind === "SERVING") void stop(state);
      break;
    case "terminate":
      process.off("SIGTERM", ignore);
      process.kill(process.pid, "SIGTERM");
      break;
  }
});

/** Throws when the message cannot be serialised; a channel that is gone is no error (invariant 3). */
function send(message: FromActor, sent: () => void = () => {}): void {
  process.send?.(message, undefined, {}, sent);
}

async function create(message: CreateMessage): Promise<void> {
  const { actor, incarnation } = message;
  const context = { actor, incarnation, method: "start", signal: new AbortController().signal };
  try {
    const { instance, info } = await callContext.run(context, () => makeInstance(message));
    process.on("SIGTERM", ignore); // invariant 2; before anyone can know that it serves
    send({ type: "ready", info });
    const runner = new CallRunner(instance, { actor, incarnation, send });
    state = { kind: "SERVING", instance, runner, created: message };
  } catch (thrown) {
    // The parent ends this process on reading it.
    send({ type: "failed", ...describeThrown(thrown) });
  }
}

async function makeInstance(message: CreateMessage): Promise<{ instance: object; info: unknown }> {
  const module: Record<string, unknown> = await import(message.module);
  const found = module[message.exportName];
  if (typeof found !== "function") {
    throw new Refusal(
      "NOT_FOUND",
      `Cannot create actor: "${message.module}" exports no class "${message.exportName}"`,
    );
  }
  const start: unknown = Reflect.get(found, "start");
  const instance: unknown = await (typeof start === "function"
    ? Reflect.apply(start, found, message.args)
    : Reflect.construct(found, message.args));
  if (typeof instance !== "object" || instance === null) {
    throw new Refusal(
      "INVALID_ARGUMENT",
      `Cannot create actor: "${message.exportName}.start" returned no instance`,
    );
  }
  return { instance, info: await invokeOptional(instance, "describe") };
}

/** Lets the instance end its work and the calls come to theirs, then ends the process with code 0. */
async function stop(serving: Serving): Promise<void> {
  const { instance, runner, created } = serving;
  state = { kind: "STOPPING", runner };
  const { actor, incarnation } = created;
  const context = { actor, incarnation, method: "stop", signal: new AbortController().signal };
  let stopped: FromActor = { type: "stopped" };
  try {
    await callContext.run(context, () => invokeOptional(instance, "stop"));
  } catch (thrown) {
    stopped = { type: "stopped", error: describeThrown(thrown).error };
  }
  await runner.idle();
  send(stopped, () => process.exit(0));
}

async function invokeOptional(instance: object, method: string): Promise<unknown> {
  const found: unknown = Reflect.get(instance, method);
  return typeof found === "function" ? Reflect.apply(found, instance, []) : undefined;
}
