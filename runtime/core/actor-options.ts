// What `ProcessActor.start` takes, and its one check at the edge.

import { type Clock, ShoalError, systemClock } from "../base/index.ts";
import { type Logger, silentLog } from "../base/log/index.ts";
import type { OutputStream } from "./actor-process.ts";
import type { ActorTransition } from "./actor-state.ts";
import type { ActorClass, ArgsOf, InfoOf } from "./actor-types.ts";
import type { ResourceAmounts, ResourceLedger } from "./resources.ts";
import { type BackoffPolicy, DEFAULT_BACKOFF } from "./restart-policy.ts";

export interface ActorOptions<C extends ActorClass> {
  /** For logs, errors and lists of processes. */
  readonly name: string;
  /** The module to load in the actor's process, and the class it exports there. */
  readonly module: URL;
  readonly exportName: string;
  /** Arguments of creation; structured clone carries them over. */
  readonly args: Readonly<ArgsOf<C>>;
  /** Taken from `ledger` before the first process starts and given back when the actor is DEAD. */
  readonly resources?: ResourceAmounts;
  readonly ledger?: ResourceLedger;
  /** Laid over the parent's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Flags for Node, such as `--max-old-space-size=512`; those of the parent are not inherited. */
  readonly nodeFlags?: readonly string[];
  /** Restarts over the actor's whole life: 0 by default, -1 without limit. */
  readonly maxRestarts?: number;
  readonly backoff?: Partial<BackoffPolicy>;
  /** From fork to ready, for each process; 60 s by default. */
  readonly startTimeoutMs?: number;
  /** From `stop()` to SIGTERM, 5 s by default. */
  readonly stopGraceMs?: number;
  /** From SIGTERM to SIGKILL, 2 s by default. */
  readonly termGraceMs?: number;
  /** Calls and streams waiting at once; one more is QUEUE_FULL. 5,000 by default. */
  readonly maxPendingCalls?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Told of every change of state, in order and at once; it must not throw. */
  readonly onTransition?: (transition: ActorTransition<InfoOf<C>>) => void;
  /** Takes each line the process writes; without it they go to `log`. It must not throw. */
  readonly onOutput?: (line: string, stream: OutputStream) => void;
}

/** The options with every default filled in. */
export type ActorSettings<C extends ActorClass> = Required<
  Omit<ActorOptions<C>, "backoff" | "onTransition" | "onOutput" | "resources" | "ledger">
> & {
  readonly backoff: BackoffPolicy;
  readonly onTransition: ((transition: ActorTransition<InfoOf<C>>) => void) | undefined;
  readonly onOutput: ((line: string, stream: OutputStream) => void) | undefined;
};

/** Throws INVALID_ARGUMENT on options that cannot work. */
export function settingsOf<C extends ActorClass>(options: ActorOptions<C>): ActorSettings<C> {
  const settings: ActorSettings<C> = {
    name: options.name,
    module: options.module,
    exportName: options.exportName,
    args: options.args,
    env: options.env ?? {},
    nodeFlags: options.nodeFlags ?? [],
    maxRestarts: options.maxRestarts ?? 0,
    backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
    startTimeoutMs: options.startTimeoutMs ?? 60_000,
    stopGraceMs: options.stopGraceMs ?? 5_000,
    termGraceMs: options.termGraceMs ?? 2_000,
    maxPendingCalls: options.maxPendingCalls ?? 5_000,
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLog,
    onTransition: options.onTransition,
    onOutput: options.onOutput,
  };
  const { name, maxRestarts, backoff, startTimeoutMs, stopGraceMs, termGraceMs, maxPendingCalls } = settings;
  if (!Number.isSafeInteger(maxRestarts) || maxRestarts < -1) {
    throw refuse(name, "maxRestarts", maxRestarts, "a whole number from -1");
  }
  for (const [key, value] of Object.entries({
    startTimeoutMs,
    stopGraceMs,
    termGraceMs,
    maxPendingCalls,
    ...backoff,
  })) {
    if (!(value >= 0)) throw refuse(name, key, value, "a number from 0");
  }
  return settings;
}

function refuse(name: string, key: string, found: number, wanted: string): ShoalError {
  return new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot start actor "${name}": found ${key} ${found}, wanted ${wanted}`,
  );
}
