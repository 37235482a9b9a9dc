// The module that the scenarios serve: gives back what it got, and misbehaves as its `user_config` says.

import { setTimeout as sleep } from "node:timers/promises";

interface Settings {
  /** In its answers to web requests. */
  readonly mark?: string;
  readonly delay_ms?: number;
  /** Blocks its process for so long before it is ready, as a library that loads a large model does. */
  readonly load_ms?: number;
  readonly die_after_ms?: number;
  /** Kept for ever, each request. */
  readonly leak_mib?: number;
}

interface Input {
  readonly shape: readonly number[];
  readonly datatype: string;
  readonly data: unknown;
}

const MIB = 1024 * 1024;

export class Echo {
  #settings: Settings = {};
  readonly #kept: Buffer[] = [];

  start({ userConfig }: { readonly userConfig: unknown }): void {
    this.reconfigure(userConfig);
    const { load_ms: loadMs = 0, die_after_ms: dieAfterMs } = this.#settings;
    if (loadMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, loadMs);
    if (dieAfterMs === undefined) return;
    setTimeout(() => {
      console.log("echo: about to die, as told");
      process.exit(1);
    }, dieAfterMs);
  }

  reconfigure(userConfig: unknown): void {
    this.#settings = userConfig ?? {};
  }

  async infer({ x }: { readonly x: Input }): Promise<{ readonly y: Input }> {
    await this.#work();
    return { y: x };
  }

  async fetch(): Promise<Response> {
    await this.#work();
    return Response.json({ mark: this.#settings.mark ?? "", pid: process.pid });
  }

  async #work(): Promise<void> {
    const { delay_ms: delayMs = 0, leak_mib: leakMib = 0 } = this.#settings;
    // Filled, so that it is memory and not a promise of some.
    if (leakMib > 0) this.#kept.push(Buffer.alloc(leakMib * MIB, this.#kept.length + 1));
    if (delayMs > 0) await sleep(delayMs);
  }
}
