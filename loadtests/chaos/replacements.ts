// Pairs the replicas that a scenario kills with those that take their places, to tell how long it took.
//
// 1. The first replica that runs and did not before replaces the one that was killed first.

import { setTimeout as sleep } from "node:timers/promises";
import { runningPids, type StatusView } from "./config-file.ts";
import type { LiveServer } from "./live-server.ts";

const LOOK_INTERVAL_MS = 50;

export class Replacements implements AsyncDisposable {
  readonly #server: LiveServer;
  readonly #names: readonly string[];
  readonly #onReplaced: (tookMs: number) => void;
  readonly #known = new Set<number>();
  /** By deployment, when those were killed that nobody replaced yet. */
  readonly #waiting = new Map<string, number[]>();
  readonly #over = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  private constructor(server: LiveServer, names: readonly string[], onReplaced: (tookMs: number) => void) {
    this.#server = server;
    this.#names = names;
    this.#onReplaced = onReplaced;
  }

  /** What runs now is there before anything is killed. */
  static async watch(
    server: LiveServer,
    names: readonly string[],
    onReplaced: (tookMs: number) => void,
  ): Promise<Replacements> {
    const replacements = new Replacements(server, names, onReplaced);
    replacements.#look(await server.status());
    replacements.#watching = replacements.#watch();
    return replacements;
  }

  /** Replicas that were lost and not replaced yet. */
  get missing(): number {
    return [...this.#waiting.values()].reduce((sum, times) => sum + times.length, 0);
  }

  /** A replica of this deployment was lost just now. */
  lost(name: string): void {
    this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), performance.now()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await sleep(LOOK_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      const status = await this.#server.status().catch(() => undefined);
      if (status !== undefined) this.#look(status);
    }
  }

  /** Invariant 1. */
  #look(status: StatusView): void {
    for (const name of this.#names) {
      for (const pid of runningPids(status, name)) {
        if (this.#known.has(pid)) continue;
        this.#known.add(pid);
        const killedMs = this.#waiting.get(name)?.shift();
        if (killedMs !== undefined) this.#onReplaced(performance.now() - killedMs);
      }
    }
  }
}
