// What the API of one process stands on: the core, the references that live here, and values in and out.
//
// 1. A submitted task's references exist before it is submitted, so that nothing it makes is ever unheld.
// 2. Arguments too large for a message become an object of their own, on which the task depends, and which it alone holds.

import { ShoalError } from "../../base/index.ts";
import { collectGarbage, decodeValue, encodeValue, type Generation } from "../objects/index.ts";
import {
  type ActorData,
  type ActorOptionsData,
  type EnvironmentData,
  type Id,
  INLINE_BYTES,
  type PlacementData,
  type RetryOn,
  type Work,
} from "../workers/messages.ts";
import { mergeEnvironments } from "../environments/runtime-env.ts";
import type { ActorWatcher, Core, Outcome, Parts, WaitOptions } from "./core.ts";
import { ObjectRef, StreamRef } from "./object-ref.ts";
import { ReferenceTable } from "./reference-table.ts";
import { StreamItems } from "./stream-items.ts";

/** Stands among the references of a task for its whole list of arguments (invariant 2). */
const WHOLE_LIST = -1;

/** What a task, a call or a creation has beside its arguments: prepared once for many. */
export interface Prepared {
  readonly label: string;
  readonly work: Work;
  readonly actor: Id | undefined;
  readonly numReturns: number;
  readonly placement: PlacementData;
  readonly maxRetries: number;
  readonly retryOn: RetryOn;
  readonly timeoutMs: number | undefined;
  readonly window: number;
  readonly maxCalls: number;
}

export interface Submission extends Prepared {
  readonly args: readonly unknown[];
}

/** Makes the handle of an actor: by the module above this one, which knows how. */
export type MakeHandle = (session: Session, data: ActorData) => object;

interface Packed {
  readonly args: Parts;
  readonly references: readonly (readonly [position: number, object: Id])[];
  readonly contains: readonly Id[];
}

const NO_ARGUMENTS: Packed = { args: [], references: [], contains: [] };

export class Session {
  readonly core: Core;
  readonly #references: ReferenceTable;
  readonly #makeHandle: MakeHandle;
  readonly #environment: EnvironmentData | undefined;
  /** By who iterates: one that was let go of, with items still to come, reads no further. */
  readonly #readers = new FinalizationRegistry<StreamItems>((items) => items.leave());

  /** `environment` is under what tasks and actors ask for; in a worker the head sees to that. */
  constructor(core: Core, makeHandle: MakeHandle, environment?: EnvironmentData) {
    this.core = core;
    this.#environment = environment;
    this.#references = new ReferenceTable(core);
    this.#makeHandle = makeHandle;
  }

  /** A placement in the environment of this process. */
  place(placement: PlacementData): PlacementData {
    if (this.#environment === undefined) return placement;
    const environment = mergeEnvironments(this.#environment, placement.environment);
    return environment === undefined ? placement : { ...placement, environment };
  }

  /** The references to what the task returns: one, several for `numReturns` above 1, none for 0. */
  submit(prepared: Prepared, args: readonly unknown[]): ObjectRef<unknown> | ObjectRef<unknown>[] {
    const { numReturns, window } = prepared;
    const packed = this.#pack(prepared.label, args);
    const task = this.core.ids.take(1 + numReturns);
    const references: ObjectRef<unknown>[] = [];
    for (let index = 0; index < numReturns; index++) {
      references.push(this.#newReference(task + 1 + index, numReturns === 1 ? task : undefined, window));
    }
    const parent = this.core.currentTask();
    this.core.submit({ ...prepared, ...packed, task, parent });
    this.#leaveList(packed);
    const [first] = references;
    return numReturns === 1 && first !== undefined ? first : references;
  }

  /** The actor that `submission` creates, as the core takes it. */
  packCreation(submission: Submission): Parameters<Core["createActor"]>[0] {
    const packed = this.#pack(submission.label, submission.args);
    return { ...submission, ...packed, task: this.core.ids.take(), parent: this.core.currentTask() };
  }

  /** Creates the actor of a packed creation, once. */
  createActor(
    creation: ReturnType<Session["packCreation"]>,
    options: ActorOptionsData,
    watcher?: ActorWatcher,
  ): Promise<ActorData> {
    const created = this.core.createActor(creation, options, watcher);
    this.#leaveList(creation);
    return created;
  }

  async put<T>(value: T): Promise<ObjectRef<T>> {
    const encoded = this.#encodeFor("put the value", value);
    const id = this.core.ids.take();
    await this.core.put(id, encoded.parts, encoded.contains);
    // Made now: the collections that are had while it is written would make it old.
    const reference = new ObjectRef<T>(id);
    this.#references.add(reference, id, true);
    return reference;
  }

  async get(references: readonly ObjectRef<unknown>[], options: WaitOptions): Promise<unknown[]> {
    const outcomes = await this.core.get(
      references.map((reference) => ObjectRef.idOf(reference)),
      options,
    );
    return outcomes.map((outcome) => this.#valueOf(outcome));
  }

  /** Counts a reference or handle that lives here. */
  track(reference: object, id: Id, held: boolean): void {
    this.#references.add(reference, id, held);
  }

  /** Frees the objects that only uncollected references hold. */
  async collect(generation: Generation): Promise<void> {
    await collectGarbage(generation);
    this.#references.flush();
  }

  decode(parts: Parts): unknown {
    return decodeValue(parts, {
      reference: (id) => {
        const reference = new ObjectRef<unknown>(id);
        this.track(reference, id, false);
        return reference;
      },
      handle: (data) => this.#makeHandle(this, data),
    });
  }

  encode(value: unknown): {
    readonly parts: Parts;
    readonly byteLength: number;
    readonly contains: readonly Id[];
  } {
    return this.#encode(value);
  }

  #valueOf(outcome: Outcome): unknown {
    if (outcome.kind === "error") throw outcome.error;
    return this.decode(outcome.parts);
  }

  #newReference(id: Id, stream: Id | undefined, window: number): ObjectRef<unknown> {
    if (stream === undefined) {
      const reference = new ObjectRef<unknown>(id);
      this.#references.add(reference, id, true);
      return reference;
    }
    const reference = new StreamRef<unknown>(id, () => this.#read(stream, window));
    this.#references.add(reference, id, true);
    return reference;
  }

  #read(stream: Id, window: number): AsyncGenerator<unknown, void, undefined> {
    const items = new StreamItems({
      window,
      decode: (parts) => this.decode(parts),
      consumed: (count) => this.core.consumed(stream, count),
      abandon: () => this.core.abandon(stream),
    });
    this.core.listen(stream, items);
    const reader = items.read();
    this.#readers.register(reader, items);
    return reader;
  }

  #encode(value: unknown): { parts: Parts; byteLength: number; contains: readonly Id[] } {
    const contains: Id[] = [];
    const { parts, byteLength } = encodeValue(value, (id) => contains.push(id));
    if (contains.length > 0) this.core.share(contains);
    return { parts, byteLength, contains };
  }

  /** `what` says in an error what could not be done with it. */
  #encodeFor(what: string, value: unknown): ReturnType<Session["encode"]> {
    try {
      return this.#encode(value);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ShoalError("INVALID_ARGUMENT", `Cannot ${what}: ${why}`, { cause });
    }
  }

  #pack(label: string, args: readonly unknown[]): Packed {
    if (args.length === 0) return NO_ARGUMENTS;
    const references: [number, Id][] = [];
    let list: readonly unknown[] = args;
    if (args.some((argument) => argument instanceof ObjectRef)) {
      list = args.map((argument, position) => {
        if (!(argument instanceof ObjectRef)) return argument;
        references.push([position, ObjectRef.idOf(argument)]);
        return undefined;
      });
      this.core.share(references.map(([, object]) => object));
    }
    const { parts, byteLength, contains } = this.#encodeFor(`submit "${label}"`, list);
    if (byteLength <= INLINE_BYTES) return { args: parts, contains, references };
    // Invariant 2. A failure to store it is the task's failure, by way of the object.
    const id = this.core.ids.take();
    this.core.putAhead(id, parts);
    return { args: [], contains, references: [[WHOLE_LIST, id], ...references] };
  }

  /** What was submitted holds its list of arguments from now on (invariant 2). */
  #leaveList({ references: [first] }: Pick<Packed, "references">): void {
    if (first?.[0] === WHOLE_LIST) this.core.release([first[1]]);
  }
}
