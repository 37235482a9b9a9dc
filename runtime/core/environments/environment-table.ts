// The environments of a runtime: each set up once, when it is first needed.
//
//   absent ─► PREPARING ─► READY, for the runtime's life
//                └─► absent: whoever waits fails, the next one tries again
//
// 1. A failure is RUNTIME_ENV_SETUP_FAILED, with the end of the log where there is one.
// 2. What an environment has in the cache stays until the runtime ends.

import { join } from "node:path";
import { type Clock, messageOf, ShoalError } from "../../base/index.ts";
import type { Logger } from "../../base/log/index.ts";
import type { EnvironmentData } from "../workers/messages.ts";
import { cacheFolder } from "../user-folders.ts";
import { PLAIN } from "../workers/worker-pool.ts";
import { EnvironmentCache } from "./environment-cache.ts";
import { type PreparedEnvironment, prepareEnvironment } from "./prepare.ts";

export interface EnvironmentTableOptions {
  /** A folder of this user; `shoal/environments` in the user's cache by default. */
  readonly cacheFolder?: string | undefined;
  /** Ray's 10 GiB by default. What runs is kept beyond that. */
  readonly cacheBytes?: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

type Entry =
  | { readonly kind: "PREPARING"; readonly prepared: Promise<PreparedEnvironment> }
  | { readonly kind: "READY"; readonly prepared: PreparedEnvironment };

/** Ray's figure. */
export const SETUP_TIMEOUT_MS = 600_000;
const CACHE_BYTES = 10 * 2 ** 30;

export class EnvironmentTable implements AsyncDisposable {
  readonly #options: EnvironmentTableOptions;
  readonly #cache: EnvironmentCache;
  readonly #entries = new Map<string, Entry>();
  readonly #byKey = new Map<string, PreparedEnvironment>();
  readonly #closing = new AbortController();

  constructor(options: EnvironmentTableOptions) {
    this.#options = options;
    const caches = cacheFolder();
    this.#cache = new EnvironmentCache({
      folder: options.cacheFolder ?? (caches === undefined ? undefined : join(caches, "environments")),
      maxBytes: options.cacheBytes ?? CACHE_BYTES,
      clock: options.clock,
    });
  }

  /** Rejects with RUNTIME_ENV_SETUP_FAILED, or CANCELLED when the runtime ends. */
  async prepare(data: EnvironmentData): Promise<PreparedEnvironment> {
    const name = nameOf(data);
    const entry = this.#entries.get(name);
    if (entry !== undefined) return await entry.prepared;
    const prepared = this.#prepare(data);
    this.#entries.set(name, { kind: "PREPARING", prepared });
    try {
      const ready = await prepared;
      this.#entries.set(name, { kind: "READY", prepared: ready });
      if (ready.key !== PLAIN && !this.#byKey.has(ready.key)) this.#byKey.set(ready.key, ready);
      return ready;
    } catch (error) {
      this.#entries.delete(name);
      throw error;
    }
  }

  /** The key of one that was prepared; that of the driver's own for undefined. */
  keyOf(data: EnvironmentData | undefined): string {
    if (data === undefined) return PLAIN;
    const entry = this.#entries.get(nameOf(data));
    if (entry?.kind === "READY") return entry.prepared.key;
    throw new TypeError("an environment is prepared before it is used");
  }

  /** By its key; undefined for the driver's own. */
  find(key: string): PreparedEnvironment | undefined {
    return this.#byKey.get(key);
  }

  /** Ends what is being set up, and resolves when nothing of it runs any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new ShoalError("CANCELLED", "the runtime was shut down"));
    const entries = [...this.#entries.values()];
    await Promise.allSettled(
      entries.flatMap((entry) => (entry.kind === "PREPARING" ? [entry.prepared] : [])),
    );
    await this.#cache[Symbol.asyncDispose]();
  }

  async #prepare(data: EnvironmentData): Promise<PreparedEnvironment> {
    const { clock, log } = this.#options;
    const { setupTimeoutMs = SETUP_TIMEOUT_MS } = data;
    const timeout = new AbortController();
    const timer =
      setupTimeoutMs === -1
        ? undefined
        : clock.timer(setupTimeoutMs, () => timeout.abort(new Error(`not done after ${setupTimeoutMs} ms`)));
    const signal = AbortSignal.any([this.#closing.signal, timeout.signal]);
    const startedMs = clock.nowMs();
    try {
      signal.throwIfAborted();
      const prepared = await prepareEnvironment(data, { cache: this.#cache, signal });
      log.info(
        { key: prepared.key, ms: Math.round(clock.nowMs() - startedMs) },
        "runtime environment is set up",
      );
      return prepared;
    } catch (thrown) {
      const error = this.#closing.signal.aborted
        ? this.#closing.signal.reason
        : failureOf(thrown, timeout.signal);
      log.warn({ err: error }, "runtime environment is not set up");
      throw error;
    } finally {
      timer?.cancel();
    }
  }
}

/** Invariant 1. */
function failureOf(thrown: unknown, timeout: AbortSignal): ShoalError {
  const cause: unknown = timeout.aborted ? timeout.reason : thrown;
  return setupFailure(messageOf(cause), cause);
}

export function setupFailure(why: string, cause?: unknown): ShoalError {
  const what = `Cannot set up the runtime environment: ${why}`;
  return new ShoalError("RUNTIME_ENV_SETUP_FAILED", what, { cause });
}

/** How long its set-up may take is no part of what an environment is. */
function nameOf({ setupTimeoutMs: _timeoutMs, ...data }: EnvironmentData): string {
  return JSON.stringify(data);
}
