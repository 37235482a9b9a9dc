// What code in a worker can learn about the task or call it runs for.
//
// 1. This module imports nothing of Shoal at run time, so that user code can import it for nothing.

import { AsyncLocalStorage } from "node:async_hooks";
import type { Id } from "../workers/messages.ts";

export interface TaskContext {
  readonly taskId: Id;
  readonly name: string;
  /** From 1; more after a retry. */
  readonly attempt: number;
  /** Aborts when the task is cancelled, its deadline passes or nobody reads its stream any more. */
  readonly signal: AbortSignal;
  /** Of an actor. */
  readonly actorId: Id | undefined;
  /** Of an actor: which process of it this is, from 1. */
  readonly incarnation: number | undefined;
  /** Of the node, from 0: those of which it has all or a share. CUDA_VISIBLE_DEVICES names them too. */
  readonly gpuIds: readonly number[];
}

export const taskContext = new AsyncLocalStorage<TaskContext>();

/** The task the running code belongs to, also behind `await`; undefined outside of a worker. */
export function currentTask(): TaskContext | undefined {
  return taskContext.getStore();
}
