// What code inside an actor can learn about the call it works for.
//
// 1. This module imports nothing of Shoal, so that an actor's start does not pay for it.

import { AsyncLocalStorage } from "node:async_hooks";

export interface CallContext {
  readonly actor: string;
  /** Which process of the actor this is, from 1. */
  readonly incarnation: number;
  /** `start` during creation, `stop` while stopping. */
  readonly method: string;
  /** Aborts when the caller cancels, its deadline passes or it stops reading the stream. */
  readonly signal: AbortSignal;
}

/** For the actor's process only, which enters it for each call. */
export const callContext = new AsyncLocalStorage<CallContext>();

/** The call the running code belongs to, also behind `await`; undefined outside of an actor's process. */
export function currentCall(): CallContext | undefined {
  return callContext.getStore();
}
