// What can become of a request. Every request that was sent has exactly one of these in the end.

export type Outcome =
  /** A whole answer with a status from 200 to 299. */
  | { readonly kind: "ok"; readonly status: number }
  /** A whole answer with another status; `code` is its body's `code` or `error.code`, "" without one. */
  | { readonly kind: "error"; readonly status: number; readonly code: string }
  /** No connection came about, so nothing was sent; `cause` is the system's code, such as ECONNREFUSED. */
  | { readonly kind: "refused"; readonly cause: string }
  /** No whole answer in time; not `written` when it still waited for a connection. The connection was closed. */
  | { readonly kind: "timedOut"; readonly written: boolean }
  /** The connection broke, or brought no HTTP, between sending and the end of the answer. */
  | { readonly kind: "lost"; readonly cause: string; readonly onReuse: boolean }
  /** A second answer came on the request's connection. */
  | { readonly kind: "twice" };

/** One request's end, for a listener. Times in ms from the start of the load. */
export interface SettledRequest {
  /** As in its header x-request-id. */
  readonly id: string;
  /** Name of its class. */
  readonly className: string;
  readonly intendedMs: number;
  /** When it was written to a socket the first time. */
  readonly writtenMs: number | undefined;
  readonly settledMs: number;
  /** Times it was written or tried to; above 1 only with retries. */
  readonly attempts: number;
  readonly outcome: Outcome;
}
