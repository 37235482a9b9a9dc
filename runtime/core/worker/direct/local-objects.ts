// Results of direct calls: objects that this process alone knows, until a reference to one leaves it.
//
// 1. An object is here until its outcome is with the head or its last reference is gone; who waits for it is told of
//    its outcome, or that it has moved and is the head's now.
// 2. The head learns of an object before any message that carries a reference to it.
// 3. What the head was promised is settled there, also when no reference is left here.

import type { Outcome, Parts, StreamSink } from "../../api/core.ts";
import type { FromWorker, Id, WireOutcome } from "../../workers/messages.ts";

/** Somebody who waits for several objects at once. */
export interface LocalWait {
  /** Objects still to come. */
  left: number;
  /** Called when `left` is 0, or one has moved. */
  wake(): void;
}

export interface LocalObject {
  readonly id: Id;
  readonly origin: string;
  outcome: Outcome | undefined;
  /** The head has it, or will have it. */
  state: "OWN" | "SHARED" | "MOVED";
  /** Mostly none or one: thousands are waited for at once. */
  waits: LocalWait | LocalWait[] | undefined;
  /** Who iterates what may turn out to be a stream. */
  sink: StreamSink | undefined;
}

export interface LocalObjectsOptions {
  readonly send: (message: FromWorker, parts?: Parts) => void;
}

export class LocalObjects {
  readonly #send: LocalObjectsOptions["send"];
  readonly #objects = new Map<Id, LocalObject>();
  /** Without a reference here, but promised to the head (invariant 3). */
  readonly #owed = new Map<Id, LocalObject>();

  constructor({ send }: LocalObjectsOptions) {
    this.#send = send;
  }

  get size(): number {
    return this.#objects.size;
  }

  create(id: Id, origin: string): void {
    this.#objects.set(id, {
      id,
      origin,
      outcome: undefined,
      state: "OWN",
      waits: undefined,
      sink: undefined,
    });
  }

  find(id: Id): LocalObject | undefined {
    return this.#objects.get(id);
  }

  /** All of `ids`, or undefined when one of them is not here. */
  all(ids: readonly Id[]): LocalObject[] | undefined {
    const found: LocalObject[] = [];
    for (const id of ids) {
      const object = this.#objects.get(id);
      if (object === undefined) return undefined;
      found.push(object);
    }
    return found;
  }

  settle(id: Id, outcome: Outcome): void {
    const object = this.#objects.get(id) ?? this.#owed.get(id);
    if (object === undefined || object.outcome !== undefined) return;
    object.outcome = outcome;
    if (object.state === "SHARED") {
      this.#send({ type: "settle", object: id, outcome: wireOf(outcome) }, partsOf(outcome)); // invariant 3
      this.#objects.delete(id);
      this.#owed.delete(id);
    }
    const { waits, sink } = object;
    object.waits = undefined;
    if (waits !== undefined) for (const wait of listOf(waits)) if (--wait.left === 0) wait.wake();
    sink?.onEnd(outcome.kind === "error" ? outcome.error : undefined);
  }

  /** The call that makes it is the head's now. Returns whether there is a reference here, and who iterates it. */
  move(id: Id): { readonly isHeld: boolean; readonly sink: StreamSink | undefined } {
    const object = this.#objects.get(id) ?? this.#owed.get(id);
    const isHeld = this.#objects.delete(id);
    this.#owed.delete(id);
    if (object === undefined) return { isHeld, sink: undefined };
    object.state = "MOVED";
    const { waits, sink } = object;
    object.waits = undefined;
    for (const wait of listOf(waits)) wait.wake();
    return { isHeld, sink };
  }

  /** Invariant 2. Ids of other objects are passed over. */
  share(ids: readonly Id[]): void {
    for (const id of ids) {
      const object = this.#objects.get(id);
      if (object?.state !== "OWN") continue;
      const { origin, outcome } = object;
      object.state = "SHARED";
      if (outcome === undefined) this.#send({ type: "own", object: id, origin, outcome: undefined });
      else {
        this.#send({ type: "own", object: id, origin, outcome: wireOf(outcome) }, partsOf(outcome));
        this.#objects.delete(id);
      }
    }
  }

  /** The last reference here is gone. False for what the head has to be told of. */
  release(id: Id): boolean {
    const object = this.#objects.get(id);
    if (object === undefined) return false;
    this.#objects.delete(id);
    if (object.state === "OWN") return true;
    this.#owed.set(id, object);
    return false;
  }
}

export function addWait(object: LocalObject, wait: LocalWait): void {
  const { waits } = object;
  object.waits = waits === undefined ? wait : [...listOf(waits), wait];
}

export function removeWait(object: LocalObject, wait: LocalWait): void {
  const left = listOf(object.waits).filter((each) => each !== wait);
  object.waits = left.length === 0 ? undefined : left;
}

const NOBODY: readonly LocalWait[] = [];

function listOf(waits: LocalObject["waits"]): readonly LocalWait[] {
  if (waits === undefined) return NOBODY;
  return Array.isArray(waits) ? waits : [waits];
}

function wireOf(outcome: Outcome): WireOutcome {
  return outcome.kind === "error" ? { error: outcome.error.toWire() } : { value: outcome.parts.length };
}

function partsOf(outcome: Outcome): Parts {
  return outcome.kind === "error" ? [] : outcome.parts;
}
