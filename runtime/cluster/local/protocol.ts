// What the store's thread is asked and what it answers. Plain data: it crosses threads by structured clone.

import type { WireError } from "../../base/index.ts";
import type { Change, CommitOutcome, Entry, Listing, Revision, WatchEvent } from "../backend.ts";

/** How the thread opens its file. */
export interface StoreOptions {
  /** Absolute; undefined keeps everything in memory. */
  readonly file: string | undefined;
  readonly maxBytes: number;
  readonly lockWaitMs: number;
  readonly retention: Retention;
}

/** How much of what is past is kept for watchers that fall behind; the oldest goes first. */
export interface Retention {
  readonly maxChanges: number;
  readonly maxBytes: number;
}

export type Question =
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "list"; readonly prefix: string }
  | { readonly kind: "commit"; readonly changes: readonly Change[] }
  | { readonly kind: "changes"; readonly prefix: string; readonly after: Revision }
  | { readonly kind: "close" };

export interface Request {
  readonly id: number;
  readonly question: Question;
}

/** Some of the changes after a revision. */
export interface Changes {
  readonly events: readonly WatchEvent[];
  /** Everything under the prefix up to here is in `events`: the place to ask from next. */
  readonly upTo: Revision;
  /** More may be there right now. */
  readonly more: boolean;
}

export type Answer =
  | { readonly kind: "opened" }
  | { readonly kind: "get"; readonly entry: Entry | undefined }
  | { readonly kind: "list"; readonly listing: Listing }
  | { readonly kind: "commit"; readonly outcome: CommitOutcome }
  | { readonly kind: "changes"; readonly changes: Changes }
  | { readonly kind: "close" };

export type AnswerTo<Kind extends Answer["kind"]> = Extract<Answer, { readonly kind: Kind }>;

/** Id 0 is the opening, which is answered without being asked. */
export type Reply =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: WireError };
