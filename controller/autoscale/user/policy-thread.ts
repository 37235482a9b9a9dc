// Runs a user's policy function in a thread of its own, so that a loop without end stops nothing but itself.
//
// 1. The thread starts with the first call, and again with the next one after it has died; none is left after `close`.
// 2. An aborted call ends the thread: code that does not return cannot be ended otherwise.
// 3. A thread that could not load the module ends: the next call loads it anew, as it is then.
// 4. The thread has little memory; running out of it is a failed call.
// 5. What it prints goes to whoever listens: standard output is the server's.

import { Worker } from "node:worker_threads";
import { ShoalError } from "../../../runtime/base/index.ts";

export interface PolicyThreadOptions {
  /** URL of the module. */
  readonly module: string;
  /** Name of the function it exports: `(context) => answer`, or a promise of that. */
  readonly export: string;
}

/** From the thread: what the call came to. */
export type ThreadReply =
  | { readonly value: unknown }
  /** `spent`: another thread is to try again. */
  | { readonly error: string; readonly spent: boolean };

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const ENTRY = new URL(`./policy-thread-main${EXTENSION}`, import.meta.url);
const MEMORY_MB = 128;
const LONGEST_LINE = 500;

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class PolicyThread {
  readonly #options: PolicyThreadOptions;
  readonly #onLine: (line: string) => void;
  #worker: Worker | undefined;
  #pending: Pending | undefined;
  #closed = false;

  /** `onLine` is given each line that the module prints, cut to 500 characters. Default: nobody is. */
  constructor(options: PolicyThreadOptions, onLine: (line: string) => void = () => undefined) {
    this.#options = options;
    this.#onLine = onLine;
  }

  /** Calls the function; one call at a time. Rejects with CALL_FAILED when it throws or its thread dies, and on abort. */
  readonly call = async (context: unknown, signal: AbortSignal): Promise<unknown> => {
    signal.throwIfAborted();
    if (this.#closed) throw new ShoalError("CANCELLED", "Cannot call the policy: it was closed");
    if (this.#pending !== undefined)
      throw new ShoalError("INTERNAL", "Cannot call the policy: a call is under way");
    const worker = (this.#worker ??= this.#start());
    const end = (): void => void this.#end(worker); // invariant 2
    signal.addEventListener("abort", end, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#pending = { resolve, reject };
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
        worker.postMessage(context);
      });
    } finally {
      this.#pending = undefined;
      signal.removeEventListener("abort", end);
    }
  };

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#worker !== undefined) await this.#end(this.#worker);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(): Worker {
    const worker = new Worker(ENTRY, {
      workerData: this.#options,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB }, // invariant 4
      stdout: true,
      stderr: true,
    });
    for (const stream of [worker.stdout, worker.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => this.#print(text)); // invariant 5
    }
    worker.on("message", (reply: ThreadReply) => {
      if ("error" in reply) {
        this.#pending?.reject(new ShoalError("CALL_FAILED", reply.error));
        if (reply.spent) void this.#end(worker); // invariant 3
      } else this.#pending?.resolve(reply.value);
    });
    worker.on("error", (error) => this.#gone(worker, error instanceof Error ? error.message : String(error)));
    worker.on("exit", (code) => this.#gone(worker, `its thread ended with code ${code}`));
    return worker;
  }

  /** A thread writes whole lines, each at once. */
  #print(text: string): void {
    for (const line of text.split("\n")) {
      if (line.trim() !== "") this.#onLine(line.slice(0, LONGEST_LINE));
    }
  }

  #gone(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined; // invariant 1
    this.#pending?.reject(new ShoalError("CALL_FAILED", why));
  }

  async #end(worker: Worker): Promise<void> {
    this.#gone(worker, "it was ended");
    await worker.terminate();
  }
}
