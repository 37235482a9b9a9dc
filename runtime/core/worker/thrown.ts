// Whatever code in an actor threw, as it crosses to the parent. Runs in the actor's process.
//
// 1. Describing never throws, and what comes of it can be sent: an error may have hostile getters, a proxy may refuse
//    everything, a message may be no text.
// 2. Imports of base are types only: the logger behind base's index would cost a third of an actor's start.

import { inspect } from "node:util";
import type { ErrorCode, WireError } from "../../base/index.ts";

const MAX_STACK_CHARS = 16_384;

export interface Thrown {
  readonly error: WireError;
  /** The error's name; of what is no error, its type. */
  readonly name: string;
  /** Whether it was a ShoalError, whose code its thrower chose. */
  readonly typed: boolean;
}

/** What this process itself refuses, under a code of ours; stands for a ShoalError here (invariant 2). */
export class Refusal extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Keeps a ShoalError's code; anything else is CALL_FAILED. The stack, with causes, goes along for logs. */
export function describeThrown(thrown: unknown): Thrown {
  const code = "CALL_FAILED";
  try {
    if (isShoalError(thrown)) return { error: wireOf(thrown), name: "ShoalError", typed: true };
    const typed = thrown instanceof Refusal;
    const error = {
      code: typed ? thrown.code : code,
      message: messageOf(thrown),
      remoteStack: stackOf(thrown),
    };
    return { error, name: thrown instanceof Error ? textOf(thrown.name) : typeof thrown, typed };
  } catch {
    const message = "something was thrown that cannot be described";
    return { error: { code, message }, name: typeof thrown, typed: false };
  }
}

interface ShoalErrorLike {
  toWire(): WireError;
}

function wireOf(error: ShoalErrorLike): WireError {
  const { code, message, retryAfterMs, remoteStack } = error.toWire();
  return {
    code: typeof code === "string" ? code : "INTERNAL", // it may be of no class of ours
    message: textOf(message),
    ...(typeof retryAfterMs === "number" ? { retryAfterMs } : {}),
    remoteStack: typeof remoteStack === "string" ? remoteStack : stackOf(error),
  };
}

/** By shape, since the actor's module may have loaded another copy of the class. */
function isShoalError(thrown: unknown): thrown is ShoalErrorLike {
  return (
    thrown instanceof Error &&
    thrown.name === "ShoalError" &&
    "toWire" in thrown &&
    typeof thrown.toWire === "function"
  );
}

function messageOf(thrown: unknown): string {
  return textOf(thrown instanceof Error ? thrown.message : thrown);
}

function textOf(value: unknown): string {
  return typeof value === "string"
    ? value
    : inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY });
}

function stackOf(thrown: unknown): string {
  return inspect(thrown, { depth: 2 }).slice(0, MAX_STACK_CHARS);
}
