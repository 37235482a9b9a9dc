// The items of a generator task on their way to who iterates.
//
// 1. The producer is never more than the window ahead: what was read is told back, half a window at a time.
// 2. Items that came before a failure are delivered before it.

import type { ShoalError } from "../../base/index.ts";
import type { Parts, StreamSink } from "./core.ts";

export interface StreamBack {
  readonly window: number;
  decode(parts: Parts): unknown;
  consumed(count: number): void;
  abandon(): void;
}

export class StreamItems implements StreamSink {
  readonly #back: StreamBack;
  readonly #items: Parts[] = [];
  #end: { readonly error: ShoalError | undefined } | undefined;
  #wake: () => void = () => {};

  constructor(back: StreamBack) {
    this.#back = back;
  }

  onItem(parts: Parts): void {
    this.#items.push(parts);
    this.#wake();
  }

  onEnd(error: ShoalError | undefined): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *read(): AsyncGenerator<unknown, void, undefined> {
    const batch = Math.ceil(this.#back.window / 2);
    let consumed = 0;
    try {
      for (;;) {
        const parts = this.#items.shift();
        if (parts !== undefined) {
          yield this.#back.decode(parts);
          if (++consumed < batch) continue;
          this.#back.consumed(consumed); // invariant 1
          consumed = 0;
        } else if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#end.error; // invariant 2
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      if (this.#end === undefined) this.#back.abandon();
    }
  }
}
