// The entry of a worker process. Arguments: the head's process id, and its set-up as JSON.
//
// 1. The watchdog runs before any user code is loaded.
// 2. Ctrl-C, a closing terminal and a supervisor's SIGTERM reach the whole process group; here they are ignored: the
//    head decides, and ends its workers by message or SIGKILL.
// 3. The process ends as soon as its channel does.

import { Socket } from "node:net";
import type { CancelOptions } from "../api/core.ts";
import { makeHandle } from "../api/actor-handles.ts";
import { Runtime } from "../api/runtime.ts";
import { Session } from "../api/session.ts";
import { FrameChannel } from "../channel/frame-channel.ts";
import { CollectPolicy, type Generation, Regions, SharedMemoryFolder } from "../objects/index.ts";
import { systemClock } from "../../base/index.ts";
import { startWatchdog } from "./watchdog.ts";
import type { WorkerEnvironment } from "../environments/prepare.ts";
import type { FromWorker, Id, StackReport, ToWorker, UnreadyMessage } from "../workers/messages.ts";
import type { WorkerSetUp } from "../workers/worker-process.ts";
import { saveCompileCacheSoon } from "./compile-cache.ts";
import { Executor } from "./executor.ts";
import { Link } from "./link.ts";
import { reportStack } from "./stack-report.ts";
import { nameOutput, nameUncaught } from "./name-output.ts";
import { describeThrown } from "./thrown.ts";
import { DirectCore } from "./direct/direct-core.ts";
import { DirectServer } from "./direct/direct-server.ts";

const ignore = (): void => {};

startWatchdog(Number(process.argv[2]));
process.on("SIGINT", ignore).on("SIGHUP", ignore).on("SIGTERM", ignore); // invariant 2

nameOutput(process.stdout);
nameOutput(process.stderr);
nameUncaught();

const setUp = JSON.parse(process.argv[3] ?? "") as WorkerSetUp;
const channel = new FrameChannel<ToWorker, FromWorker | UnreadyMessage | StackReport>(new Socket({ fd: 3 }), {
  onMessage,
  onEnd: () => process.kill(process.pid, "SIGKILL"), // invariant 3
});
const collections = new CollectPolicy(systemClock);
const collect = (generation: Generation): Promise<void> => session.collect(generation);
const link: Link = new Link({
  send: (message, parts) => channel.send(message, parts),
  objects: SharedMemoryFolder.at(setUp.objectFolders, new Regions(systemClock)),
  room: (bytes, mountIsFull) =>
    mountIsFull
      ? core.room(bytes, true)
      : collections.seek({ bytes, ask: () => core.room(bytes, false), collect }),
  stored: (bytes) => collections.stored(bytes),
});
const core: DirectCore = new DirectCore({
  index: setUp.index,
  link,
  clock: systemClock,
  waits: { beginWait: () => executor.beginWait(), endWait: () => executor.endWait() },
});
const session = new Session(core, makeHandle);
const executor = new Executor(link, session, systemClock);
const server = new DirectServer({
  folder: setUp.objectFolders.memory,
  index: setUp.index,
  run: (message, parts, reply) => executor.run(message, parts, reply),
  cancel,
  incarnation: () => executor.incarnation,
  send: (message) => channel.send(message),
});
Runtime.enter(session);
const prepared = setUp.environment === undefined ? undefined : prepare(setUp.environment);
if (prepared === undefined || (await prepared)) channel.send({ type: "ready" });
saveCompileCacheSoon();

/** False when that failed, which the head is told: then nothing runs here. */
async function prepare(environment: WorkerEnvironment): Promise<boolean> {
  try {
    // Loaded here only: most workers have none.
    const { enterEnvironment } = await import("../environments/enter-environment.ts");
    await enterEnvironment(environment);
    return true;
  } catch (thrown) {
    channel.send({ type: "unready", error: describeThrown(thrown).error });
    return false;
  }
}

function onMessage(message: ToWorker, parts: readonly Uint8Array[]): void {
  if (prepared === undefined || !isOfTasks(message)) take(message, parts);
  // In their order, behind the set-up; that may ask the head, and hears its answers.
  else void prepared.then((isReady) => isReady && take(message, parts));
}

function isOfTasks({ type }: ToWorker): boolean {
  return (
    type === "run" ||
    type === "credit" ||
    type === "cancel" ||
    type === "admit" ||
    type === "adopted" ||
    type === "stop"
  );
}

function take(message: ToWorker, parts: readonly Uint8Array[]): void {
  switch (message.type) {
    case "run":
      server.runInOrder(message, parts);
      break;
    case "credit":
      executor.credit(message.task, message.count);
      break;
    case "cancel":
      if (!server.cancelHeld(message.task)) cancel(message.task, message);
      break;
    case "admit":
      void server.admit(message.caller, message.request);
      break;
    case "adopted":
      server.adopted(message.task);
      break;
    case "cancel-direct":
      core.cancelShared(message.object, message);
      break;
    case "answer":
    case "reply":
    case "refuse":
      core.onAnswer(message, parts);
      break;
    case "item":
      core.onItem(message, parts);
      break;
    case "end":
      core.onEnd(message);
      break;
    case "status":
      core.onStatus(message);
      break;
    case "line":
      core.onLine(message);
      break;
    case "stack":
      channel.send(reportStack(message.request, executor.tasks(), core.waits()));
      break;
    case "collect":
      void collections.run("ALL", collect);
      break;
    case "stop":
      server.stop();
      void executor
        .stop()
        .then(() => server.close())
        .then(() => Promise.all([written(process.stdout), written(process.stderr)]))
        .then(() => channel.close())
        .then(() => process.exit(0));
      break;
  }
}

/** A task or call that nobody waits for, and what its code called directly; the rest is the head's to cancel. */
function cancel(task: Id, { force, recursive }: CancelOptions): void {
  executor.cancel(task);
  if (recursive) core.cancelChildren(task, force);
}

/** Resolves when all that was printed has left this process: exiting throws the rest away. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
