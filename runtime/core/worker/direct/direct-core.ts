// The core of a worker that calls actors directly where it can: what it alone knows is waited for here, the rest is the head's.
//
// 1. Whoever waits here gives its CPUs back as one who waits at the head, once it has waited for LEND_AFTER_MS; it goes
//    on only when it has them again.
// 2. A list of objects some of which the head knows is the head's to wait for: it learns of the others.

import type { Clock } from "../../../base/index.ts";
import { ShoalError } from "../../../base/index.ts";
import { abortError } from "../../abort-error.ts";
import type { CancelOptions, Outcome, StreamSink, TaskSpec, WaitOptions } from "../../api/core.ts";
import type { Id, WaitReport } from "../../workers/messages.ts";
import type { Link } from "../link.ts";
import { framesOf } from "../../stacks/frames.ts";
import { WorkerCore, type Waits } from "../worker-core.ts";
import { CallReporter } from "./call-reporter.ts";
import { DirectCalls } from "./direct-calls.ts";
import { addWait, type LocalObject, LocalObjects, removeWait } from "./local-objects.ts";

/** Most waits are over sooner, and need not be told. */
const LEND_AFTER_MS = 5;

export interface DirectCoreOptions {
  readonly index: number;
  readonly link: Link;
  readonly waits: Waits;
  readonly clock: Clock;
}

interface Waiting {
  readonly task: Id | undefined;
  readonly what: string;
  readonly where: Error;
}

export class DirectCore extends WorkerCore {
  readonly #clock: Clock;
  readonly #waits: Waits;
  readonly #objects: LocalObjects;
  readonly #calls: DirectCalls;
  readonly #waiting = new Set<Waiting>();

  constructor({ index, link, waits, clock }: DirectCoreOptions) {
    super(index, link, waits);
    this.#clock = clock;
    this.#waits = waits;
    this.#objects = new LocalObjects({ send: (message, parts) => link.send(message, parts) });
    this.#calls = new DirectCalls({
      index,
      clock,
      objects: this.#objects,
      reporter: new CallReporter({ clock, send: (report) => link.send(report) }),
      submit: ({ args, ...rest }, direct) => {
        const spec = { ...rest, args: args.length };
        link.send(direct === undefined ? { type: "submit", spec } : { type: "submit", spec, direct }, args);
      },
      askRoute: (actor) => this.route(actor),
      listen: (task, sink) => super.listen(task, sink),
      release: (objects) => super.release(objects),
    });
  }

  override submit(spec: TaskSpec): void {
    this.#calls.submit(spec);
  }

  override share(objects: readonly Id[]): void {
    this.#objects.share(objects);
  }

  override async get(objects: readonly Id[], options: WaitOptions): Promise<Outcome[]> {
    const local = this.#objects.all(objects);
    if (local === undefined) {
      this.#objects.share(objects); // invariant 2
      return await super.get(objects, options);
    }
    const startMs = this.#clock.nowMs();
    const { timeoutMs } = options;
    if (await this.#settled(local, local.length, { ...options, what: "get" }))
      return await this.get(objects, this.#rest(options, startMs));
    const outcomes: Outcome[] = [];
    for (const { outcome } of local) if (outcome !== undefined) outcomes.push(outcome);
    if (outcomes.length === local.length) return outcomes;
    const what = `Cannot get ${objects.length} objects: ${outcomes.length} are ready after ${timeoutMs} ms`;
    throw new ShoalError("DEADLINE_EXCEEDED", what);
  }

  override async wait(objects: readonly Id[], count: number, options: WaitOptions): Promise<ReadonlySet<Id>> {
    const local = this.#objects.all([...new Set(objects)]);
    if (local === undefined) {
      this.#objects.share(objects); // invariant 2
      return await super.wait(objects, count, options);
    }
    const startMs = this.#clock.nowMs();
    const moved = await this.#settled(local, Math.min(count, local.length), { ...options, what: "wait" });
    if (moved) return await this.wait(objects, count, this.#rest(options, startMs));
    const ready = new Set<Id>();
    for (const { id, outcome } of local) if (outcome !== undefined) ready.add(id);
    return ready;
  }

  override async hasFailed(object: Id): Promise<boolean> {
    this.#objects.share([object]);
    return await super.hasFailed(object);
  }

  override async cancel(object: Id, options: CancelOptions): Promise<void> {
    if (!this.#calls.cancel(object, options)) await super.cancel(object, options);
  }

  /** Calls that the code of `task` made directly, and by them its grandchildren. */
  cancelChildren(task: Id, force: boolean): void {
    this.#calls.cancelChildren(task, force);
  }

  /** Somebody else wants a call of ours cancelled. */
  cancelShared(object: Id, options: CancelOptions): void {
    this.#calls.cancel(object, options);
  }

  override listen(task: Id, sink: StreamSink): void {
    const object = this.#objects.find(task + 1);
    if (object === undefined) super.listen(task, sink);
    else if (object.outcome === undefined) object.sink = sink;
    else sink.onEnd(object.outcome.kind === "error" ? object.outcome.error : undefined);
  }

  override abandon(task: Id): void {
    if (!this.#calls.cancel(task + 1, { force: false, recursive: true })) super.abandon(task);
  }

  override hold(objects: readonly Id[]): void {
    const untold = objects.filter((id) => !this.#calls.takesBack(id));
    if (untold.length > 0) super.hold(untold);
  }

  override release(objects: readonly Id[]): void {
    const told = objects.filter((id) => !this.#objects.release(id) && !this.#calls.defersRelease(id));
    if (told.length > 0) super.release(told);
  }

  override waits(): WaitReport[] {
    const own = [...this.#waiting].flatMap(({ task, what, where }) =>
      task === undefined ? [] : { task, what, stack: framesOf(where.stack) },
    );
    return [...super.waits(), ...own];
  }

  /** Resolves when `count` of them are settled, with false, or the time has passed; with true when one has moved. */
  async #settled(
    objects: readonly LocalObject[],
    count: number,
    { timeoutMs, signal, what }: WaitOptions & { readonly what: string },
  ): Promise<boolean> {
    const pending = objects.filter(({ outcome }) => outcome === undefined);
    const left = count - (objects.length - pending.length);
    if (signal?.aborted) throw abortError(signal.reason, "Cannot wait for objects");
    if (left <= 0) return false;
    const over = Promise.withResolvers<void>();
    const wait = { left, wake: over.resolve };
    for (const object of pending) addWait(object, wait);
    const task = this.currentTask();
    const waiting: Waiting = { task, what: describe(what, objects.length), where: new Error() };
    this.#waiting.add(waiting);
    this.#waits.beginWait();
    let resume: (() => Promise<void>) | undefined;
    const lends = this.#clock.timer(LEND_AFTER_MS, () => {
      if (task !== undefined) resume = this.pause(task); // invariant 1
    });
    const ends = timeoutMs === undefined ? undefined : this.#clock.timer(timeoutMs, over.resolve);
    const onAbort = (): void => over.resolve();
    signal?.addEventListener("abort", onAbort, { once: true });
    await over.promise;
    lends.cancel();
    ends?.cancel();
    signal?.removeEventListener("abort", onAbort);
    for (const object of pending) if (object.outcome === undefined) removeWait(object, wait);
    if (resume !== undefined) await resume();
    this.#waits.endWait();
    this.#waiting.delete(waiting);
    if (signal?.aborted && wait.left > 0) throw abortError(signal.reason, "Cannot wait for objects");
    return pending.some(({ state }) => state === "MOVED");
  }

  #rest(options: WaitOptions, startMs: number): WaitOptions {
    const { timeoutMs } = options;
    if (timeoutMs === undefined) return options;
    return { ...options, timeoutMs: Math.max(0, timeoutMs - (this.#clock.nowMs() - startMs)) };
  }
}

function describe(what: string, count: number): string {
  return `${what} of ${count} ${count === 1 ? "object" : "objects"}`;
}
