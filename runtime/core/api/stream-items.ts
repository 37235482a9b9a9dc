// The items of a generator task on their way to who iterates.
//
// 1. The producer is never more than the window ahead: what was read is told back, half a window at a time.
// 2. Items that came before a failure are delivered before it.
// 3. Once nobody reads on, whatever ended the reading, nothing of the stream is kept anywhere.

import type { ShoalError } from "../../base/index.ts";
import type { Parts, StreamSink } from "./core.ts";

export interface StreamBack {
  readonly window: number;
  decode(parts: Parts): unknown;
  consumed(count: number): void;
  /** Nothing more is wanted: the task is cancelled, unless it has ended, and what was made of it is let go. */
  abandon(): void;
}

export class StreamItems implements StreamSink {
  readonly #back: StreamBack;
  #items: Parts[] = [];
  /** Read and not told back. */
  #consumed = 0;
  #isLeft = false;
  #end: { readonly error: ShoalError | undefined } | undefined;
  #wake: () => void = () => {};

  constructor(back: StreamBack) {
    this.#back = back;
  }

  onItem(parts: Parts): void {
    if (this.#isLeft) return;
    this.#items.push(parts);
    this.#wake();
  }

  onEnd(error: ShoalError | undefined): void {
    this.#end ??= { error };
    this.#wake();
  }

  read(): AsyncGenerator<unknown, void, undefined> {
    const reader = this.#read();
    const end = reader.return.bind(reader);
    // One that was not begun would end without coming by here, one that waits only after the next item.
    return Object.assign(reader, {
      return: (value: undefined) => {
        this.leave();
        return end(value);
      },
    });
  }

  async *#read(): AsyncGenerator<unknown, void, undefined> {
    const batch = Math.ceil(this.#back.window / 2);
    try {
      for (;;) {
        const parts = this.#items.shift();
        if (parts !== undefined) {
          this.#consumed++;
          yield this.#back.decode(parts);
          if (this.#consumed < batch) continue;
          this.#back.consumed(this.#consumed); // invariant 1
          this.#consumed = 0;
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
      this.leave();
    }
  }

  /** Nobody reads on (invariant 3); the second and later times nothing. */
  leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    const isAllTold = this.#end !== undefined && this.#items.length === 0 && this.#consumed === 0;
    this.#items = [];
    if (!isAllTold) this.#back.abandon();
    this.onEnd(undefined);
  }
}
