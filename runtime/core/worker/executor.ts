// Runs what the head sends: tasks, an actor's creation, calls of its methods.
//
// 1. Whatever goes wrong in a task is that task's error and nobody else's, an unserialisable result included.
// 2. A generator is asked for its next item only while its reader has room for it.
// 3. Calls of an actor begin in the order in which they came; asynchronous ones overlap within their group's limit.
// 4. One task runs at a time. Those sent ahead go back to the head when the running one waits for objects: it could be
//    waiting for one of them.

import type { Parts } from "../api/core.ts";
import type { Session } from "../api/session.ts";
import { describeThrown, Refusal } from "./thrown.ts";
import type { Clock } from "../../base/index.ts";
import {
  type Id,
  INLINE_BYTES,
  type MethodTable,
  type RunMessage,
  type StackReport,
} from "../workers/messages.ts";
import { CallGate } from "./call-gate.ts";
import type { DirectReply } from "./direct/caller.ts";
import type { Link, StoredResult } from "./link.ts";
import { invokeOptional, isIterator, loadExport, makeInstance, methodsOf } from "./user-code.ts";
import { Running } from "./running.ts";
import { taskContext } from "./task-context.ts";

interface Actor {
  readonly id: Id;
  readonly instance: object;
  readonly incarnation: number;
  readonly gate: CallGate;
  readonly methodGroups: Readonly<Record<string, string>>;
}

type RunningTask = Omit<StackReport["tasks"][number], "waits">;

export class Executor {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #link: Link;
  readonly #session: Session;
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
  }

  /** Runs an actor's work at once, tasks one after the other (invariant 4). The outcome goes to the head, or to `reply`. */
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

  /** Never rejects (invariant 1). */
  async #run(message: RunMessage, parts: Parts, reply?: DirectReply): Promise<void> {
    const { task } = message;
    const { id, incarnation } = this.#actorOf(message);
    const nowMs = this.#clock.nowMs();
    const running = new Running(message, { actorId: id, incarnation, nowMs, reply });
    this.#running.set(task, running);
    try {
      await taskContext.run(running, () => this.#perform(message, parts, running));
    } catch (thrown) {
      const described = describeThrown(thrown);
      const { error, name, typed } = described;
      if (running.reply !== undefined) running.reply.fail(task, described);
      else this.#link.send({ type: "failed", task, error, name, typed });
    } finally {
      this.#running.delete(task);
      if (this.#running.size === 0) this.#onIdle();
    }
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

  async #perform(message: RunMessage, parts: Parts, running: Running): Promise<void> {
    const { work } = message;
    const args = this.#arguments(message, parts);
    if (work.kind === "create") {
      running.begun = true;
      await this.#create(message.task, work, args);
    } else if (work.kind === "task") {
      const found = await loadExport(work);
      await this.#finish(message, running, () => Reflect.apply(found, undefined, args));
    } else await this.#call(message, work, { args, running });
  }

  async #create(
    task: Id,
    work: Extract<RunMessage["work"], { kind: "create" }>,
    args: unknown[],
  ): Promise<void> {
    const { maxConcurrency, groups, methodGroups, incarnation } = work;
    const instance = await makeInstance(await loadExport(work), work, args);
    this.#actor = {
      id: work.actor,
      instance,
      incarnation,
      gate: new CallGate(maxConcurrency, groups),
      methodGroups,
    };
    const methods: MethodTable = methodsOf(instance);
    this.#link.send({ type: "created", task, methods });
  }

  #actorOf({ work }: RunMessage): { readonly id?: Id; readonly incarnation?: number } {
    return work.kind === "create" ? { id: work.actor, incarnation: work.incarnation } : (this.#actor ?? {});
  }

  /** Invariant 3: nothing is awaited before the method begins, unless its group is full. */
  #call(
    message: RunMessage,
    work: Extract<RunMessage["work"], { kind: "call" }>,
    { args, running }: { readonly args: unknown[]; readonly running: Running },
  ): Promise<void> {
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
    return new Promise((resolve, reject) => {
      gate.enter(group, () => {
        this.#finish(message, running, () => Reflect.apply(method, instance, args))
          .then(resolve, reject)
          .finally(() => gate.leave(group));
      });
    });
  }

  async #finish(message: RunMessage, running: Running, begin: () => unknown): Promise<void> {
    running.begun = true;
    const returned = begin();
    const value = returned instanceof Promise ? await returned : returned;
    if (isIterator(value)) {
      if (running.reply === undefined || (await this.#move(running)))
        await this.#stream(message, value, running);
    } else if (running.reply !== undefined)
      await this.#answer(message, value, { running, reply: running.reply });
    else await this.#results(message, value);
  }

  /** To the caller itself where that is all: a file and references are for the head to keep. */
  async #answer(
    message: RunMessage,
    value: unknown,
    { running, reply }: { readonly running: Running; readonly reply: DirectReply },
  ): Promise<void> {
    const encoded = this.#encode(value, message.label);
    if (encoded.byteLength <= INLINE_BYTES && encoded.contains.length === 0) {
      reply.answer(message.task, encoded.parts);
    } else if (await this.#move(running)) await this.#send(message, [encoded]);
  }

  /** A direct call's outcome is the head's from now on; false when nobody waits for it. */
  async #move(running: Running): Promise<boolean> {
    const known = await running.reply?.move(running.taskId);
    running.reply = undefined;
    return known === true;
  }

  async #results(message: RunMessage, value: unknown): Promise<void> {
    const { numReturns, label } = message;
    const values = numReturns === 1 ? [value] : severalOf(value, numReturns, label);
    await this.#send(
      message,
      values.map((each) => this.#encode(each, label)),
    );
  }

  async #send({ task }: RunMessage, values: readonly ReturnType<Session["encode"]>[]): Promise<void> {
    const stored: StoredResult[] = [];
    for (const [index, each] of values.entries()) {
      const one = this.#link.store(task + 1 + index, each);
      stored.push(one instanceof Promise ? await one : one);
    }
    this.#link.send(
      { type: "done", task, results: stored.map(({ result }) => result) },
      stored.length === 1 ? stored[0]?.parts : stored.flatMap(({ parts }) => parts),
    );
  }

  /** Invariant 2. */
  async #stream(
    { task, label }: RunMessage,
    items: AsyncIterable<unknown> | Iterable<unknown>,
    running: Running,
  ): Promise<void> {
    for await (const item of items) {
      if (running.isCancelled) break;
      const object = this.#session.core.ids.take();
      const { result, parts } = await this.#link.store(object, this.#encode(item, label));
      this.#link.send({ type: "item", task, object, result }, parts);
      running.credit--;
      while (running.credit <= 0 && !running.isCancelled) {
        await new Promise<void>((resolve) => {
          running.wake = resolve;
        });
      }
      if (running.isCancelled) break;
    }
    this.#link.send({ type: "end", task });
  }

  #encode(value: unknown, label: string): ReturnType<Session["encode"]> {
    try {
      return this.#session.encode(value);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Refusal("CALL_FAILED", `Cannot send the result of "${label}" to another process: ${why}`, {
        cause,
      });
    }
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

function severalOf(value: unknown, count: number, label: string): readonly unknown[] {
  if (count === 0) return [];
  if (Array.isArray(value) && value.length === count) return value;
  const found = Array.isArray(value) ? `an array of ${value.length}` : `a ${typeof value}`;
  throw new Refusal(
    "CALL_FAILED",
    `Cannot return from "${label}": found ${found}, wanted an array of ${count}`,
  );
}
