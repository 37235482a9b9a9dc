// The port to what outlives a process and what machines agree by. Adapters: `local` (sqlite, this machine alone);
// one conformance suite (test/runtime/cluster/conformance.ts) says what every adapter must do.
//
// 1. What was acknowledged stays, whatever is killed afterwards. What was refused or never answered may be there
//    or not, but never in part.
// 2. A write with `expected` takes place only while its key is at that revision; nothing is decided by a read.
// 3. A watcher sees every change under its prefix once, in the order of revisions, or is told `missed`.

/**
 * The place of a change in the order of all changes of one backend, from 1. It never goes back and none is given
 * twice. 0 stands for "before everything", and as an expectation for "there is no such key".
 */
export type Revision = number;

/** Largest value. Larger things are artifacts, not state. */
export const MAX_VALUE_BYTES = 1_000_000;
/** Most changes of one commit. */
export const MAX_CHANGES = 1_000;

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Of the change that gave the key this value. */
  readonly revision: Revision;
}

/** What stood under a prefix at one moment. */
export interface Listing {
  /** In the order of the keys' bytes. */
  readonly entries: readonly Entry[];
  /** Of the newest change at that moment, of any key: `watch` from here misses nothing. */
  readonly revision: Revision;
}

export type Change =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array; readonly expected?: Revision }
  | { readonly kind: "delete"; readonly key: string; readonly expected?: Revision };

export type CommitOutcome =
  /** Revision of the last change; those before it in the commit have the numbers right before it. */
  | { readonly kind: "committed"; readonly revision: Revision }
  /** Nothing was written: `key` is at `revision` (0: there is none), not where it was expected. */
  | { readonly kind: "conflict"; readonly key: string; readonly revision: Revision };

export type WatchEvent =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array; readonly revision: Revision }
  /** Also told of a key that was not there when it was deleted. */
  | { readonly kind: "delete"; readonly key: string; readonly revision: Revision }
  /** Some changes up to `revision` are no longer known: list again. What follows is later than `revision`. */
  | { readonly kind: "missed"; readonly revision: Revision };

export interface WatchOptions {
  /** Whole segments, `jobs/`; `""` is every key. */
  readonly prefix: string;
  /** The last revision that the watcher knows; 0 for all there is. */
  readonly after: Revision;
  /** Ends the iteration without an error. */
  readonly signal: AbortSignal;
}

/**
 * Keys are segments of letters, digits and `_ . = -` joined by `/`, at most 512 characters; prefixes are whole
 * segments and end with `/`. Others throw INVALID_ARGUMENT, as do values past `MAX_VALUE_BYTES`.
 * Every method throws the STORE_ codes when the backend cannot be asked.
 */
export interface KeyValue {
  get(key: string): Promise<Entry | undefined>;
  list(prefix: string): Promise<Listing>;
  /** Without `expected` it takes place whatever is there. */
  put(key: string, value: Uint8Array, expected?: Revision): Promise<CommitOutcome>;
  delete(key: string, expected?: Revision): Promise<CommitOutcome>;
  /** All or none, each key at most once. */
  commit(changes: readonly Change[]): Promise<CommitOutcome>;
  watch(options: WatchOptions): AsyncIterable<WatchEvent>;
}

/** Leases, the work queue, messages and blobs will stand beside `keyValue`. */
export interface Backend extends AsyncDisposable {
  readonly keyValue: KeyValue;
  /** Waits for what was asked, then lets go. The same promise every time. */
  dispose(): Promise<void>;
}
