// The backend of one machine: a sqlite file and nothing else.
//
// 1. A file has one backend at a time, over all processes; a second one is refused with STORE_LOCKED.

import { resolve } from "node:path";
import type { Backend, KeyValue } from "../backend.ts";
import { LocalKeyValue } from "./local-key-value.ts";
import type { Retention } from "./protocol.ts";
import { StoreThread } from "./store-thread.ts";

export interface LocalBackendOptions {
  /** Made when it is not there, with the folders above it. Without one everything ends with the process. */
  readonly file?: string;
  /** Largest the file may become; past it writes are refused with STORE_FULL. Default 1 GiB. */
  readonly maxBytes?: number;
  /** How long another process may take to let go of the file. Default 1,000 ms. */
  readonly lockWaitMs?: number;
  /** What is past is kept for watchers that fall behind. Default 10,000 changes of at most 16 MiB. */
  readonly retention?: Partial<Retention>;
}

const DEFAULTS = {
  maxBytes: 1024 ** 3,
  lockWaitMs: 1_000,
  retention: { maxChanges: 10_000, maxBytes: 16 * 1024 ** 2 },
} as const;

export class LocalBackend implements Backend {
  readonly #thread: StoreThread;
  readonly #keyValue: LocalKeyValue;

  private constructor(thread: StoreThread) {
    this.#thread = thread;
    this.#keyValue = new LocalKeyValue(thread);
    // Watchers that sleep are told that there is nothing left to wait for.
    void thread.ended.then(() => this.#keyValue.wake());
  }

  /** Throws STORE_LOCKED, STORE_CORRUPT, STORE_TOO_NEW, STORE_FULL or STORE_UNAVAILABLE. */
  static async start(options: LocalBackendOptions = {}): Promise<LocalBackend> {
    const { file, maxBytes = DEFAULTS.maxBytes, lockWaitMs = DEFAULTS.lockWaitMs } = options;
    const retention = { ...DEFAULTS.retention, ...options.retention };
    const path = file === undefined ? undefined : resolve(file);
    return new LocalBackend(await StoreThread.start({ file: path, maxBytes, lockWaitMs, retention }));
  }

  get keyValue(): KeyValue {
    return this.#keyValue;
  }

  dispose(): Promise<void> {
    return this.#thread.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}
