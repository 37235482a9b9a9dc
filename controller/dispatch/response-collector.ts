// Collects the answer of one hop, as an undici handler: one allocation of the announced size, or none when the
// answer came in one piece.

import type { Dispatcher } from "undici";
import { freeChunk, systemCodeOf } from "../../runtime/base/index.ts";

export type CollectedAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly body: Buffer;
      readonly elapsedMs: number;
    }
  | { readonly kind: "lost"; readonly error: Error; readonly delivered: boolean }
  | { readonly kind: "aborted" };

const EMPTY = Buffer.alloc(0);

export class ResponseCollector implements Dispatcher.DispatchHandler {
  readonly #done: (answer: CollectedAnswer) => void;
  readonly #startedMs = performance.now();
  #controller: Dispatcher.DispatchController | undefined;
  #aborted = false;
  #status = 0;
  #headers: Readonly<Record<string, string | string[] | undefined>> = {};
  /** Bytes announced; what arrives beyond, or unannounced, is gathered in `#pieces`. */
  #length = 0;
  #body: Buffer = EMPTY;
  #filled = 0;
  #pieces: Buffer[] | undefined;
  /** The last chunk that was copied. */
  #spent: Buffer | undefined;

  constructor(done: (answer: CollectedAnswer) => void) {
    this.#done = done;
  }

  /** Gives the hop up; `done` hears `aborted`. */
  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(new Error("every caller went away"));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(new Error("every caller went away"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = statusCode;
    this.#headers = headers;
    const length = Number(headers["content-length"]);
    if (Number.isSafeInteger(length) && length >= 0) this.#length = length;
    else this.#pieces = [];
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#pieces !== undefined) {
      this.#pieces.push(chunk);
      return;
    }
    if (this.#filled === 0) {
      if (chunk.byteLength === this.#length) {
        this.#body = chunk;
        this.#filled = chunk.byteLength;
        return;
      }
      this.#body = Buffer.allocUnsafeSlow(this.#length);
    }
    this.#body.set(chunk, this.#filled);
    this.#filled += chunk.byteLength;
    // Undici is done with a chunk once it brings the next.
    if (this.#spent !== undefined) freeChunk(this.#spent);
    this.#spent = chunk;
  }

  onResponseEnd(): void {
    const body = this.#pieces === undefined ? this.#body : Buffer.concat(this.#pieces);
    const elapsedMs = performance.now() - this.#startedMs;
    this.#done({ kind: "answered", status: this.#status, headers: this.#headers, body, elapsedMs });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#aborted) this.#done({ kind: "aborted" });
    else this.#done({ kind: "lost", error, delivered: !neverConnected(systemCodeOf(error)) });
  }
}

/** Whether an error of a connection says that nothing was sent. */
export function neverConnected(code: string | undefined): boolean {
  return code === "ENOENT" || code === "ECONNREFUSED" || code === "UND_ERR_CONNECT_TIMEOUT";
}
