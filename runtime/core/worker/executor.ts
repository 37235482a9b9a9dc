// Runs what the head sends: tasks, an actor's creation, calls of its methods.
//
// 1. Whatever goes wrong in a task is that task's error and nobody else's, an unserialisable result included.
// 2. Calls of an actor begin in the order in which they came; asynchronous ones overlap within their group's limit.
// 3. One task runs at a time. Those sent ahead go back to the head when the running one waits for objects: it could be
//    waiting for one of them.

import type { Parts } from "../api/core.ts";
import type { Session } from "../api/session.ts";
import { describeThrown, Refusal } from "./thrown.ts";
import type { Clock } from "../../base/index.ts";
import { type Id, type MethodTable, type RunMessage, type StackReport } from "../workers/messages.ts";
import { CallGate } from "./call-gate.ts";
import type { DirectReply } from "./direct/caller.ts";
import type { Link } from "./link.ts";
import { Results } from "./results.ts";
import { invokeOptional, loadExport, makeInstance, methodsOf } from "./user-code.ts";
import { Running } from "./running.ts";
import { taskContext } from "./task-context.ts";
import { showDevices } from "./visible-devices.ts";

interface Actor {
  readonly id: Id;
  readonly instance: object;
  readonly incarnation: number;
  readonly gpuIds: readonly number[];
  readonly gate: CallGate;
  readonly methodGroups: Readonly<Record<string, string>>;
}

const NO_ACTOR = {};
const NO_GPUS: readonly number[] = [];

type RunningTask = Omit<StackReport["tasks"][number], "waits">;

export class Executor {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #link: Link;
  readonly #session: Session;
  readonly #results: Results;
  readonly #running = new Map<Id, Running>();
  /** Tasks sent ahead of time, while another runs. */
  #ahead: { readonly message: RunMessage; readonly parts: Parts }[] = [];
  #taskRuns = false;
  /** `get`s and `wait`s that the running task is in. */
  #waits = 0;
  #actor: Actor | undefined;
  #onIdle: () => void = () => {};

  constructor(link: Link, session: Session, clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
    this.#link = link;
    this.#session = session;
    this.#results = new Results(link, session);
  }

  /** Runs an actor's work at once, tasks one after the other (invariant 3). The outcome goes to the head, or to `reply`. */
  run(message: RunMessage, parts: Parts, reply?: DirectReply): void {
    if (message.work.kind !== "task") void this.#run(message, parts, reply);
    else if (!this.#taskRuns) void this.#runTasks(message, parts);
    else if (this.#waits > 0) this.#link.send({ type: "returned", tasks: [message.task] });
    else this.#ahead.push({ message, parts });
  }

  /** The running task waits for objects: what was sent ahead must not wait with it. */
  beginWait(): void {
    this.#waits++;
    if (this.#ahead.length === 0) return;
    this.#link.send({ type: "returned", tasks: this.#ahead.map(({ message }) => message.task) });
    this.#ahead = [];
  }

  endWait(): void {
    this.#waits--;
  }

  async #runTasks(message: RunMessage, parts: Parts): Promise<void> {
    this.#taskRuns = true;
    await this.#run(message, parts);
    for (let next = this.#ahead.shift(); next !== undefined; next = this.#ahead.shift()) {
      await this.#run(next.message, next.parts);
    }
    this.#taskRuns = false;
  }

  /** Never rejects (invariant 1); undefined when it is over already: most calls are, and promises are dear. */
  #run(message: RunMessage, parts: Parts, reply?: DirectReply): Promise<void> | undefined {
    const { id, incarnation, gpuIds = message.gpuIds ?? NO_GPUS } = this.#actorOf(message);
    const nowMs = this.#clock.nowMs();
    const running = new Running(message, { actorId: id, incarnation, gpuIds, nowMs, reply });
    this.#running.set(message.task, running);
    try {
      const going = taskContext.run(running, () => this.#perform(message, parts, running));
      if (going !== undefined) {
        return going.then(
          () => this.#over(running),
          (thrown: unknown) => this.#threw(running, thrown),
        );
      }
      this.#over(running);
    } catch (thrown) {
      this.#threw(running, thrown);
    }
    return undefined;
  }

  #threw(running: Running, thrown: unknown): void {
    const { taskId: task, reply } = running;
    const described = describeThrown(thrown);
    const { error, name, typed } = described;
    if (reply !== undefined) reply.fail(task, described);
    else this.#link.send({ type: "failed", task, error, name, typed });
    this.#over(running);
  }

  #over({ taskId }: Running): void {
    this.#running.delete(taskId);
    if (this.#running.size === 0) this.#onIdle();
  }

  /** Of the actor here. */
  get incarnation(): number | undefined {
    return this.#actor?.incarnation;
  }

  /** What was sent here and is not over, the oldest first. */
  tasks(): RunningTask[] {
    const nowMs = this.#clock.nowMs();
    const running = Array.from(
      this.#running,
      ([task, { name, begun, sinceMs }]): RunningTask => ({
        task,
        name,
        begun,
        ageMs: nowMs - sinceMs,
      }),
    );
    const ahead = this.#ahead.map(
      ({ message: { task, label } }): RunningTask => ({
        task,
        name: label,
        begun: false,
        ageMs: 0,
      }),
    );
    return [...running, ...ahead];
  }

  credit(task: Id, count: number): void {
    const running = this.#running.get(task);
    if (running === undefined) return;
    running.credit += count;
    running.wake();
  }

  cancel(task: Id): void {
    const at = this.#ahead.findIndex(({ message }) => message.task === task);
    if (at >= 0) {
      this.#ahead.splice(at, 1);
      this.#link.send({ type: "returned", tasks: [task] });
      return;
    }
    const running = this.#running.get(task);
    running?.cancel();
  }

  /** Lets the instance end its work, and what runs come to its end. */
  async stop(): Promise<void> {
    if (this.#actor !== undefined) {
      await invokeOptional(this.#actor.instance, "stop").catch((error: unknown) => console.error(error));
    }
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #perform(message: RunMessage, parts: Parts, running: Running): Promise<void> | undefined {
    const { work } = message;
    const args = this.#arguments(message, parts);
    if (work.kind === "call") return this.#call(message, work, { args, running });
    showDevices(message.gpuIds);
    if (work.kind === "task") return this.#task(message, work, { args, running });
    running.begun = true;
    return this.#create(message, work, args);
  }

  async #task(
    message: RunMessage,
    work: Extract<RunMessage["work"], { kind: "task" }>,
    { args, running }: { readonly args: unknown[]; readonly running: Running },
  ): Promise<void> {
    const found = await loadExport(work);
    await this.#finish(message, running, () => Reflect.apply(found, undefined, args));
  }

  async #create(
    { task, gpuIds = NO_GPUS }: RunMessage,
    work: Extract<RunMessage["work"], { kind: "create" }>,
    args: unknown[],
  ): Promise<void> {
    const { maxConcurrency, groups, methodGroups, incarnation } = work;
    const instance = await makeInstance(await loadExport(work), work, args);
    this.#actor = {
      id: work.actor,
      instance,
      incarnation,
      gpuIds,
      gate: new CallGate(maxConcurrency, groups),
      methodGroups,
    };
    const methods: MethodTable = methodsOf(instance);
    this.#link.send({ type: "created", task, methods });
  }

  #actorOf({ work }: RunMessage): Partial<Pick<Actor, "id" | "incarnation" | "gpuIds">> {
    return work.kind === "create"
      ? { id: work.actor, incarnation: work.incarnation }
      : (this.#actor ?? NO_ACTOR);
  }

  /** Invariant 2: nothing is awaited before the method begins, unless its group is full. */
  #call(
    message: RunMessage,
    work: Extract<RunMessage["work"], { kind: "call" }>,
    { args, running }: { readonly args: unknown[]; readonly running: Running },
  ): Promise<void> | undefined {
    const actor = this.#actor;
    if (actor === undefined)
      throw new Refusal("ACTOR_DIED", `Cannot call "${work.method}": there is no actor here`);
    const { instance, gate, methodGroups } = actor;
    const method: unknown = work.method in Object.prototype ? undefined : Reflect.get(instance, work.method);
    if (typeof method !== "function") {
      throw new Refusal("NOT_FOUND", `Cannot call "${work.method}": the actor's class has no such method`);
    }
    const name = work.group ?? methodGroups[work.method] ?? "";
    const group = gate.group(name);
    if (group === undefined) {
      throw new Refusal(
        "INVALID_ARGUMENT",
        `Cannot call "${work.method}": found no concurrency group "${name}"`,
      );
    }
    const begin = (): Promise<void> | undefined => {
      try {
        const going = this.#finish(message, running, () => Reflect.apply(method, instance, args));
        if (going !== undefined) return going.finally(() => gate.leave(group));
      } catch (thrown) {
        gate.leave(group);
        throw thrown;
      }
      gate.leave(group);
      return undefined;
    };
    if (gate.enter(group)) return begin();
    const turn = Promise.withResolvers<void>();
    // Its turn comes in the course of another call: what it runs in is its own.
    gate.await(group, () => {
      try {
        turn.resolve(taskContext.run(running, begin));
      } catch (thrown) {
        turn.reject(thrown);
      }
    });
    return turn.promise;
  }

  #finish(message: RunMessage, running: Running, begin: () => unknown): Promise<void> | undefined {
    running.begun = true;
    const returned = begin();
    if (returned instanceof Promise) {
      return returned.then((value: unknown) => this.#results.conclude(message, value, running));
    }
    return this.#results.conclude(message, returned, running);
  }

  #arguments({ args, references }: RunMessage, parts: Parts): unknown[] {
    const read = this.#link.reader(parts);
    let list: unknown[] = [];
    if (args !== 0) list = this.#session.decode(read(0, args)) as unknown[];
    for (const [position, object, value] of references) {
      const decoded = this.#session.decode(read(object, value));
      if (position === -1) list = decoded as unknown[];
      else list[position] = decoded;
    }
    return list;
  }
}
