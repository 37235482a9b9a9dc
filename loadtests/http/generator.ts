// The load generator as its own process, so that its event loop and its CPU time are its own.

import { Child } from "../child.ts";
import type { LoadOptions, LoadReport } from "./load.ts";

export class Generator implements AsyncDisposable {
  readonly #child: Child<LoadOptions, LoadReport>;

  private constructor(child: Child<LoadOptions, LoadReport>) {
    this.#child = child;
  }

  static async start(): Promise<Generator> {
    return new Generator(await Child.start(new URL("generator-main.ts", import.meta.url)));
  }

  /** Runs one load; one at a time. Rejects when the server cannot be reached or the process ends. */
  run(options: LoadOptions): Promise<LoadReport> {
    return this.#child.ask(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}
