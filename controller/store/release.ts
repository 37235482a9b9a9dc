// A release: one state of an application that somebody wanted, kept with what became of it. In the store it is two
// values: what was asked for, written once, and this account of it, which changes when the outcome does.
//
// 1. What is read is checked: bytes that are not what was written are STORE_CORRUPT with their key, never a guess.

import { type Static, type TSchema, Type } from "typebox";
import { Check } from "typebox/value";
import { messageOf, ShoalError } from "../../runtime/base/index.ts";

/** Any JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What was asked for. */
export interface ReleaseContent {
  /** The application as it was given, in the form of the file: defaults not filled in, paths as they were. */
  readonly config: JsonObject;
  /** Absolute; what relative paths in `config` start from. */
  readonly directory: string;
}

export type Outcome =
  | { readonly kind: "deploying" }
  /** It has run; what became of it later does not change that. */
  | { readonly kind: "running"; readonly atEpochMs: number }
  | { readonly kind: "failed"; readonly atEpochMs: number; readonly reason: string }
  /** Something else was wanted before it was done. */
  | { readonly kind: "superseded" };

export interface Release {
  readonly application: string;
  /** From 1, in the order of the application's releases; never used again. */
  readonly number: number;
  readonly atEpochMs: number;
  /** Who asked, in the words of whoever took the request. */
  readonly author: string;
  /** Where from: a config file's path, or the request. */
  readonly source: string;
  /** When it goes back: from which release, to the content of which. */
  readonly rollback: { readonly from: number; readonly to: number } | undefined;
  readonly outcome: Outcome;
}

export interface FullRelease extends Release, ReleaseContent {}

const Whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** Tolerant of keys that a later version adds; a change that is not tolerable raises the format. */
const StoredAccount = Type.Object({
  atEpochMs: Whole,
  author: Type.String(),
  source: Type.String(),
  rollback: Type.Optional(Type.Object({ from: Whole, to: Whole })),
  outcome: Type.Union([
    Type.Object({ kind: Type.Literal("deploying") }),
    Type.Object({ kind: Type.Literal("running"), atEpochMs: Whole }),
    Type.Object({ kind: Type.Literal("failed"), atEpochMs: Whole, reason: Type.String() }),
  ]),
});
export type StoredAccount = Static<typeof StoredAccount>;

const AnyObject = Type.Record(Type.String(), Type.Unknown());
const StoredContent = Type.Object({ config: AnyObject, directory: Type.String() });

/** Which release of an application is wanted, and the last number that was given. */
const StoredWanted = Type.Object({
  number: Type.Optional(Whole),
  last: Whole,
  /** When it was removed; it has this or `number`. */
  removedAtEpochMs: Type.Optional(Whole),
});
export type StoredWanted = Static<typeof StoredWanted>;

interface Stored {
  readonly key: string;
  readonly value: Uint8Array;
}

export const decodeAccount = (stored: Stored): StoredAccount => decode(StoredAccount, stored);
export const decodeContent = (stored: Stored): ReleaseContent => decode(StoredContent, stored);
export const decodeWanted = (stored: Stored): StoredWanted => decode(StoredWanted, stored);
export const decodeFormat = (stored: Stored): number =>
  decode(Type.Object({ version: Whole }), stored).version;
export const decodeSettings = (stored: Stored): JsonObject => decode(AnyObject, stored);

export function encode(value: StoredAccount | ReleaseContent | StoredWanted | JsonObject): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Invariant 1. */
function decode<Schema extends TSchema>(schema: Schema, { key, value }: Stored): Static<Schema> {
  const damaged = (found: string, cause?: unknown): ShoalError =>
    new ShoalError("STORE_CORRUPT", `Cannot read "${key}" from the store: found ${found}`, { cause });
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value));
  } catch (error) {
    throw damaged(`what is not JSON (${messageOf(error)})`, error);
  }
  if (!Check(schema, parsed)) throw damaged("what no Shoal of this format wrote");
  return parsed;
}
