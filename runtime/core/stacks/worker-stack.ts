// What `runtime.stacks()` and `shoal stack` tell of a worker: what it runs, and where that stands. Flat data, to be sent
// as JSON. Lines of stacks are as in `Error.stack`, without "at", the innermost first.

/** A task or call in a worker. */
export interface StackedTask {
  readonly taskId: string;
  readonly name: string;
  /** RUNNING has begun, WAITING waits for objects or actors, QUEUED has not begun. */
  readonly state: "RUNNING" | "WAITING" | "QUEUED";
  /** Since it was begun, or came to its actor; `null` where only the head could be asked. */
  readonly ageMs: number | null;
  /** Such as `get of 3 objects`; `null` unless WAITING. */
  readonly waitsFor: string | null;
  /** Where it waits; empty unless WAITING. */
  readonly stack: readonly string[];
}

export interface WorkerStack {
  readonly workerId: string;
  readonly pid: number;
  readonly nodeId: string;
  readonly actorId: string | null;
  /**
   * RESPONSIVE answered itself, so nothing runs in it at this moment. BLOCKED is in JavaScript that does not end: `stack` says
   * where. STOPPED was stopped by a signal. UNREACHABLE does not answer in time, and is not in JavaScript. STARTING takes
   * no tasks yet. ENDED went while it was asked.
   */
  readonly state: "RESPONSIVE" | "BLOCKED" | "STOPPED" | "UNREACHABLE" | "STARTING" | "ENDED";
  /** The state in words. */
  readonly detail: string;
  readonly tasks: readonly StackedTask[];
  /** Of the main thread; empty unless BLOCKED. */
  readonly stack: readonly string[];
  /** What the event loop waits for beside the runtime's own, such as `Timeout`, by how many. Only when RESPONSIVE. */
  readonly resources: Readonly<Record<string, number>>;
}

export interface StacksOptions {
  /** After this long a worker that has not told anything is told of as UNREACHABLE; 2,000 by default. */
  readonly timeoutMs?: number;
}
