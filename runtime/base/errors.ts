// The one error class of Shoal and the table of its codes.
//
// A code says how a failure is told over HTTP and gRPC and whether trying again can help. Code branches on
// `code`, never on a message and never on `instanceof` across processes: errors cross processes as plain
// objects (`toWire`, `fromWire`).
//
// 1. What a client sees is `publicMessage`: it carries no path, socket name or stack.

/** Whether a caller gains by trying again: never, after a pause, or at once at another server. */
export type Retry = "never" | "later" | "elsewhere";

interface ErrorKind {
  readonly httpStatus: number;
  /** Canonical gRPC status number. */
  readonly grpcStatus: number;
  readonly retry: Retry;
}

export const ERROR_CODES = {
  INVALID_ARGUMENT: { httpStatus: 400, grpcStatus: 3, retry: "never" },
  INVALID_CONFIG: { httpStatus: 400, grpcStatus: 3, retry: "never" },
  UNAUTHENTICATED: { httpStatus: 401, grpcStatus: 16, retry: "never" },
  PERMISSION_DENIED: { httpStatus: 403, grpcStatus: 7, retry: "never" },
  NOT_FOUND: { httpStatus: 404, grpcStatus: 5, retry: "never" },
  METHOD_NOT_ALLOWED: { httpStatus: 405, grpcStatus: 12, retry: "never" },
  NOT_REPRESENTABLE: { httpStatus: 406, grpcStatus: 9, retry: "never" },
  REQUEST_TIMEOUT: { httpStatus: 408, grpcStatus: 4, retry: "later" },
  BODY_TOO_LARGE: { httpStatus: 413, grpcStatus: 8, retry: "never" },
  UNSUPPORTED_ENCODING: { httpStatus: 415, grpcStatus: 3, retry: "never" },
  QUEUE_FULL: { httpStatus: 429, grpcStatus: 8, retry: "later" },
  CANCELLED: { httpStatus: 499, grpcStatus: 1, retry: "never" },
  INTERNAL: { httpStatus: 500, grpcStatus: 13, retry: "never" },
  ENGINE_FAILED: { httpStatus: 500, grpcStatus: 13, retry: "never" },
  CALL_FAILED: { httpStatus: 500, grpcStatus: 13, retry: "never" },
  STORE_CORRUPT: { httpStatus: 500, grpcStatus: 15, retry: "never" },
  STORE_TOO_NEW: { httpStatus: 500, grpcStatus: 9, retry: "never" },
  UNSUPPORTED: { httpStatus: 501, grpcStatus: 12, retry: "never" },
  OVERLOADED: { httpStatus: 503, grpcStatus: 14, retry: "later" },
  NOT_READY: { httpStatus: 503, grpcStatus: 14, retry: "later" },
  DRAINING: { httpStatus: 503, grpcStatus: 14, retry: "elsewhere" },
  DEPLOY_FAILED: { httpStatus: 503, grpcStatus: 14, retry: "elsewhere" },
  MODEL_LOAD_FAILED: { httpStatus: 503, grpcStatus: 9, retry: "never" },
  REPLICA_DIED: { httpStatus: 503, grpcStatus: 14, retry: "later" },
  LATEST_START_PASSED: { httpStatus: 503, grpcStatus: 14, retry: "elsewhere" },
  ACTOR_DIED: { httpStatus: 503, grpcStatus: 14, retry: "never" },
  WORKER_DIED: { httpStatus: 503, grpcStatus: 14, retry: "later" },
  RUNTIME_ENV_SETUP_FAILED: { httpStatus: 503, grpcStatus: 14, retry: "later" },
  OBJECT_LOST: { httpStatus: 503, grpcStatus: 15, retry: "never" },
  ACTOR_UNAVAILABLE: { httpStatus: 503, grpcStatus: 14, retry: "later" },
  RESOURCES_UNAVAILABLE: { httpStatus: 503, grpcStatus: 8, retry: "later" },
  STORE_LOCKED: { httpStatus: 503, grpcStatus: 14, retry: "later" },
  STORE_UNAVAILABLE: { httpStatus: 503, grpcStatus: 14, retry: "later" },
  OUT_OF_MEMORY: { httpStatus: 507, grpcStatus: 8, retry: "later" },
  OBJECT_STORE_FULL: { httpStatus: 507, grpcStatus: 8, retry: "later" },
  STORE_FULL: { httpStatus: 507, grpcStatus: 8, retry: "later" },
  DEADLINE_EXCEEDED: { httpStatus: 504, grpcStatus: 4, retry: "later" },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ShoalErrorOptions {
  readonly cause?: unknown;
  /** Earliest useful moment to try again, in milliseconds from now. Sent as `Retry-After`. */
  readonly retryAfterMs?: number;
  /** The message holds only our words and what the client itself sent, such as its URL: told to it as it is. */
  readonly verbatim?: boolean;
}

/** An error as it crosses a process boundary: data only, no stack of ours. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** The stack of user code that threw, for logs; never for clients. */
  readonly remoteStack?: string;
}

const MAX_PUBLIC_LENGTH = 2_000;

/** The only error Shoal throws across a boundary. `cause` keeps what it was made from. */
export class ShoalError extends Error {
  override readonly name = "ShoalError";
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly #verbatim: boolean;
  /** Stack from the other process, when the error came over a process boundary. */
  remoteStack: string | undefined;

  constructor(code: ErrorCode, message: string, options: ShoalErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.#verbatim = options.verbatim ?? false;
  }

  get kind(): ErrorKind {
    return ERROR_CODES[this.code];
  }

  /** Invariant 1: the message with every path and file URL replaced, unless it is known to be free of ours. */
  get publicMessage(): string {
    const { length } = this.message;
    // A message may quote what a client sent, which may be of any length.
    const told = length > MAX_PUBLIC_LENGTH ? `${this.message.slice(0, MAX_PUBLIC_LENGTH)}…` : this.message;
    return this.#verbatim ? told : redactPaths(told);
  }

  toWire(): WireError {
    const stack = this.remoteStack ?? (this.cause instanceof Error ? this.cause.stack : undefined);
    return {
      code: this.code,
      message: this.message,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
      ...(stack === undefined ? {} : { remoteStack: stack }),
    };
  }

  static fromWire(wire: WireError): ShoalError {
    const known = Object.hasOwn(ERROR_CODES, wire.code);
    const options = wire.retryAfterMs === undefined ? {} : { retryAfterMs: wire.retryAfterMs };
    const error = new ShoalError(known ? wire.code : "INTERNAL", wire.message, options);
    error.remoteStack = wire.remoteStack;
    return error;
  }
}

/** Turns anything thrown into a ShoalError: one of ours is kept, the rest is wrapped under `code`. */
export function asShoalError(thrown: unknown, code: ErrorCode = "INTERNAL", what = ""): ShoalError {
  if (thrown instanceof ShoalError) return thrown;
  const prefix = what === "" ? "" : `${what}: `;
  return new ShoalError(code, prefix + messageOf(thrown), { cause: thrown });
}

/** The message of whatever was thrown, also when it was not an Error. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  if (typeof thrown === "string") return thrown;
  try {
    return JSON.stringify(thrown) ?? String(thrown);
  } catch {
    return String(thrown);
  }
}

/** In quotes a path may hold spaces; bare, it ends at one. A URL that names another host is none. */
const QUOTED_PATHS = /(["'`])(?:file:\/\/|[A-Za-z]:\\|\\\\|\/[^\n"'`/]+\/)[^\n"'`]*\1/g;
const BARE_PATHS =
  /file:\/\/[^\s"'`;,()<>]+|(?<!\w)[A-Za-z]:\\[^\s"'`:;,()<>]+|(?<![\w\\])\\\\[^\s"'`:;,()<>]+|(?<![\w./]|\bhttps?:\/?)(?:\/+[^\s"'`:;,()<>/]+){2,}\/?(?::\d+)*/g;

/** Replaces absolute paths and file URLs; a client must learn nothing of the machine's layout. */
export function redactPaths(text: string): string {
  return text.replace(QUOTED_PATHS, "$1<path>$1").replace(BARE_PATHS, "<path>");
}

/** The code Node gives a system error, such as `ENOENT`; undefined for anything else that was thrown. */
export function systemCodeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
