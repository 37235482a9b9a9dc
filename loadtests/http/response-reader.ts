// Finds where HTTP/1.1 responses end in a stream of bytes, and their status: the least a load needs. It looks at
// the status line, Content-Length, chunked coding and Connection: close, and keeps no bytes of a body; who wants
// to see heads and bodies gives a watch. It reads answers of servers under test, not of strangers, and none to HEAD.
//
// 1. Between `push` calls nothing of the caller's buffer is held, so the caller may use it again.
// 2. In the usual case, a whole response in one piece, nothing is allocated.

const CR = 13;
const LF = 10;
const ZERO = 48;

export interface ResponseEnd {
  /** Called once for every whole response, in order. */
  (status: number, keepAlive: boolean): void;
}

/** Sees the bytes of a response as they come, before its end is told; they are the caller's buffer (invariant 1). */
export interface ResponseWatch {
  /** A whole head, its empty line included; 1xx too. */
  onHead(status: number, bytes: Uint8Array, from: number, to: number): void;
  /** A piece of the body, without chunk sizes. */
  onBody(bytes: Uint8Array, from: number, to: number): void;
}

type Part = "head" | "body" | "body-to-close" | "chunk-size" | "chunk-data" | "trailer";

const CONTENT_LENGTH = "content-length:";
const TRANSFER_ENCODING = "transfer-encoding:";
const CONNECTION = "connection:";

export class ResponseReader {
  readonly #onEnd: ResponseEnd;
  readonly #watch: ResponseWatch | undefined;
  #part: Part = "head";
  #status = 0;
  #keepAlive = true;
  /** Bytes of the body, or of the chunk and its line end, that are still to come. */
  #remaining = 0;
  /** A head or a line that began in an earlier piece (a copy: invariant 1). */
  #begun: Uint8Array | undefined;

  constructor(onEnd: ResponseEnd, watch?: ResponseWatch) {
    this.#onEnd = onEnd;
    this.#watch = watch;
  }

  /** True in the middle of a response. */
  get busy(): boolean {
    return this.#part !== "head" || this.#begun !== undefined;
  }

  /** The connection has ended: so does a response whose length nothing told. */
  close(): void {
    if (this.#part === "body-to-close") this.#finish();
  }

  /** Takes the next `length` bytes of the stream. Throws on what is no HTTP/1.1 response. */
  push(buffer: Uint8Array, length: number): void {
    let bytes: Uint8Array = buffer;
    let end = length;
    let at = 0;
    if (this.#begun !== undefined) {
      bytes = Buffer.concat([this.#begun, buffer.subarray(0, length)]);
      end = bytes.length;
      this.#begun = undefined;
    }
    while (at < end) {
      const next = this.#step(bytes, at, end);
      if (next < 0) {
        // Not `slice`, which on a Buffer is a view (invariant 1).
        this.#begun = Buffer.from(bytes.subarray(at, end));
        return;
      }
      at = next;
    }
  }

  /** Reads one part from `at`; gives where it ends, or -1 when its head or line is not all there yet. */
  #step(bytes: Uint8Array, at: number, end: number): number {
    switch (this.#part) {
      case "head":
        return this.#readHead(bytes, at, end);
      case "body":
      case "chunk-data": {
        const taken = Math.min(this.#remaining, end - at);
        // Behind a chunk comes a line end, counted in what remains.
        const seen = Math.min(taken, this.#part === "body" ? taken : this.#remaining - 2);
        if (seen > 0) this.#watch?.onBody(bytes, at, at + seen);
        this.#remaining -= taken;
        if (this.#remaining === 0) {
          if (this.#part === "body") this.#finish();
          else this.#part = "chunk-size";
        }
        return at + taken;
      }
      case "body-to-close":
        this.#watch?.onBody(bytes, at, end);
        return end;
      case "chunk-size": {
        const lineEnd = endOfLine(bytes, at, end);
        if (lineEnd < 0) return -1;
        const size = Number.parseInt(textOf(bytes, at, lineEnd), 16);
        if (!Number.isSafeInteger(size)) throw new Error("Cannot read a response: found no chunk size");
        this.#part = size === 0 ? "trailer" : "chunk-data";
        this.#remaining = size + 2;
        return lineEnd;
      }
      case "trailer":
        break;
    }
    const lineEnd = endOfLine(bytes, at, end);
    if (lineEnd >= 0 && lineEnd - at <= 2) this.#finish();
    return lineEnd;
  }

  #readHead(bytes: Uint8Array, at: number, end: number): number {
    let line = endOfLine(bytes, at, end);
    if (line < 0) return -1;
    const status = digit(bytes, at + 9) * 100 + digit(bytes, at + 10) * 10 + digit(bytes, at + 11);
    if (bytes[at] !== 72 || !(status >= 100 && status <= 999)) {
      throw new Error(`Cannot read a response: found ${JSON.stringify(textOf(bytes, at, at + 20))}`);
    }
    let length = -1;
    let chunked = false;
    // HTTP/1.0 closes.
    let keepAlive = bytes[at + 7] !== ZERO;
    for (;;) {
      const next = endOfLine(bytes, line, end);
      if (next < 0) return -1;
      if (next - line <= 2) break;
      if (startsWith(bytes, line, CONTENT_LENGTH)) length = readNumber(bytes, line + CONTENT_LENGTH.length);
      else if (startsWith(bytes, line, TRANSFER_ENCODING)) chunked = true;
      else if (startsWith(bytes, line, CONNECTION))
        keepAlive = !startsWith(bytes, line + CONNECTION.length + 1, "close");
      line = next;
    }
    this.#status = status;
    this.#keepAlive = keepAlive;
    this.#remaining = Math.max(0, length);
    this.#watch?.onHead(status, bytes, at, line + 2);
    const hasBody = status >= 200 && status !== 204 && status !== 304;
    if (chunked) this.#part = "chunk-size";
    else if (length > 0 && hasBody) this.#part = "body";
    else if (length < 0 && hasBody && !keepAlive) this.#part = "body-to-close";
    else this.#finish();
    return line + 2;
  }

  #finish(): void {
    this.#part = "head";
    // 1xx answers come before the real one.
    if (this.#status >= 200) this.#onEnd(this.#status, this.#keepAlive);
  }
}

/** Just behind the next LF, or -1. */
function endOfLine(bytes: Uint8Array, at: number, end: number): number {
  for (let index = at; index < end; index++) if (bytes[index] === LF) return index + 1;
  return -1;
}

function textOf(bytes: Uint8Array, at: number, end: number): string {
  return Buffer.from(bytes.subarray(at, end)).toString("latin1");
}

function digit(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) - 48;
}

/** Whether the lower-case ASCII `text` stands at `at`, in either case. */
function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (((bytes[at + index] ?? 0) | 0x20) !== (text.charCodeAt(index) | 0x20)) return false;
  }
  return true;
}

function readNumber(bytes: Uint8Array, from: number): number {
  let number = 0;
  for (let index = from; bytes[index] !== CR && bytes[index] !== LF && index < bytes.length; index++) {
    if (bytes[index] !== 32) number = number * 10 + digit(bytes, index);
  }
  return number;
}
