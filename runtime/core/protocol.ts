// What an actor's process and its parent say to each other over the IPC channel.
//
// 1. Replies carry the id of their call; a reply to a call that is no longer waited for is ignored.
// 2. A message the parent does not understand is dropped: code in an actor may use `process.send` itself.

import type { WireError } from "../base/index.ts";

export type ToActor =
  | {
      readonly type: "create";
      readonly module: string;
      readonly exportName: string;
      readonly args: readonly unknown[];
      readonly actor: string;
      readonly incarnation: number;
    }
  | { readonly type: "call"; readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | {
      readonly type: "stream";
      readonly id: number;
      readonly method: string;
      readonly args: readonly unknown[];
      /** Items that may be on their way or unread at once. */
      readonly window: number;
    }
  | { readonly type: "credit"; readonly id: number; readonly count: number }
  | { readonly type: "cancel"; readonly id: number }
  | { readonly type: "stop" }
  /** SIGTERM from the parent, which an instance that serves takes from nobody else. */
  | { readonly type: "terminate" };

/** The answer to one call or one step of a stream. */
export type Reply =
  | { readonly type: "result"; readonly id: number; readonly value: unknown }
  | { readonly type: "item"; readonly id: number; readonly value: unknown }
  | { readonly type: "end"; readonly id: number }
  | { readonly type: "error"; readonly id: number; readonly error: WireError };

export type FromActor =
  | Reply
  | { readonly type: "ready"; readonly info: unknown }
  /** Creation threw. `typed`: a ShoalError, so that its code says whether trying again can help. */
  | { readonly type: "failed"; readonly error: WireError; readonly typed: boolean }
  | { readonly type: "stopped"; readonly error?: WireError };

/** Reads what a child sent; undefined when it is none of ours (invariant 2). */
export function decodeFromActor(message: unknown): FromActor | undefined {
  if (typeof message !== "object" || message === null || !("type" in message)) return undefined;
  const known = message as FromActor;
  switch (known.type) {
    case "result":
    case "item":
    case "end":
      return typeof known.id === "number" ? known : undefined;
    case "error":
      return typeof known.id === "number" && isWireError(known.error) ? known : undefined;
    case "failed":
      return isWireError(known.error) ? known : undefined;
    case "stopped":
      return known.error === undefined || isWireError(known.error) ? known : undefined;
    case "ready":
      return known;
    default:
      return undefined;
  }
}

function isWireError(value: unknown): boolean {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}
