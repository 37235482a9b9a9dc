// Writes that nobody waits for: one at a time, and of several of one key the last.
//
// 1. A write that fails is reported and forgotten: what it wrote of is told again when it changes again.

export class WriteBehind {
  readonly #onError: (key: string, thrown: unknown) => void;
  readonly #waiting = new Map<string, () => Promise<unknown>>();
  #running: Promise<void> | undefined;

  constructor(onError: (key: string, thrown: unknown) => void) {
    this.#onError = onError;
  }

  /** Takes the place of what waits under this key. */
  put(key: string, write: () => Promise<unknown>): void {
    this.#waiting.set(key, write);
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits and nothing is being written. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // So that what changes several times in a turn is written once.
    await Promise.resolve();
    for (;;) {
      const next = this.#waiting.entries().next();
      if (next.done) break;
      const [key, write] = next.value;
      this.#waiting.delete(key);
      try {
        await write();
      } catch (thrown) {
        this.#onError(key, thrown); // invariant 1
      }
    }
    this.#running = undefined;
  }
}
