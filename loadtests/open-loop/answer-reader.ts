// Reads the answers on one connection as far as a load needs them: status, whether the connection lives on, which
// request it names, and of a refusal its code and when to come back.
//
// 1. Of a body at most MAX_KEPT_BYTES are kept, and only when the status is no success.

import { ResponseReader } from "../http/response-reader.ts";

export interface Answer {
  readonly status: number;
  readonly keepAlive: boolean;
  /** The answer's own x-request-id; "" without one. */
  readonly requestId: string;
  /** Of an error, the `code` or `error.code` of its JSON; else "". */
  readonly code: string;
  /** The header x-should-retry. */
  readonly shouldRetry: boolean | undefined;
  /** The header retry-after, when it is in seconds. */
  readonly retryAfterMs: number | undefined;
}

const MAX_KEPT_BYTES = 4096;
const MAX_CODE_LENGTH = 64;

export class AnswerReader {
  readonly #reader: ResponseReader;
  #answers: Answer[] = [];
  #head = "";
  #body = "";
  #isError = false;
  #broken = false;

  constructor() {
    this.#reader = new ResponseReader((status, keepAlive) => this.#onEnd(status, keepAlive), {
      onHead: (status, bytes, from, to) => {
        this.#head = textOf(bytes, from, to);
        this.#body = "";
        this.#isError = status >= 300;
      },
      onBody: (bytes, from, to) => {
        const room = MAX_KEPT_BYTES - this.#body.length;
        if (this.#isError && room > 0) this.#body += textOf(bytes, from, Math.min(to, from + room)); // invariant 1
      },
    });
  }

  /** True in the middle of an answer. */
  get busy(): boolean {
    return this.#reader.busy;
  }

  /** What came is no HTTP. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Takes bytes; gives the answers that end in them. */
  push(bytes: Uint8Array, length: number): readonly Answer[] {
    try {
      this.#reader.push(bytes, length);
    } catch {
      this.#broken = true;
    }
    return this.#take();
  }

  /** The connection has ended, and with it an answer of no told length. */
  close(): readonly Answer[] {
    this.#reader.close();
    return this.#take();
  }

  #take(): readonly Answer[] {
    const answers = this.#answers;
    if (answers.length > 0) this.#answers = [];
    return answers;
  }

  #onEnd(status: number, keepAlive: boolean): void {
    const error = this.#isError;
    this.#answers.push({
      status,
      keepAlive,
      requestId: headerOf(this.#head, "x-request-id") ?? "",
      code: error ? codeOf(this.#body) : "",
      shouldRetry: error ? booleanOf(headerOf(this.#head, "x-should-retry")) : undefined,
      retryAfterMs: error ? secondsOf(headerOf(this.#head, "retry-after")) : undefined,
    });
  }
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}

/** `name` in lower case. */
function headerOf(head: string, name: string): string | undefined {
  const lower = head.toLowerCase();
  const at = lower.indexOf(`\n${name}:`);
  if (at < 0) return undefined;
  const from = at + name.length + 2;
  return head.slice(from, head.indexOf("\n", from)).trim();
}

function booleanOf(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === "true";
}

function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) * 1000 : undefined;
}

function codeOf(body: string): string {
  const found = codeIn(parsed(body)) ?? /"code"\s*:\s*"([^"]*)"/.exec(body)?.[1] ?? "";
  return found.slice(0, MAX_CODE_LENGTH);
}

function codeIn(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const code: unknown = Reflect.get(value, "code");
  return typeof code === "string" ? code : codeIn(Reflect.get(value, "error"));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
