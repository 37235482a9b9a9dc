// The releases of applications as they stand in the key-value store: read, and the changes that would move them on.
// Writes nothing itself.
//
// 1. A drafted change holds only on what it was drafted from: it expects the revisions that were read.
// 2. What a release asks for is never written again; only its outcome changes, and "running" stays.

import { type Clock, ShoalError } from "../../runtime/base/index.ts";
import { type Change, type KeyValue, MAX_VALUE_BYTES, type Revision } from "../../runtime/cluster/index.ts";
import { accountKey, accountPrefix, contentKey, numberOf, wantedKey } from "./keys.ts";
import {
  decodeAccount,
  decodeContent,
  decodeWanted,
  encode,
  type FullRelease,
  type Outcome,
  type Release,
  type ReleaseContent,
  type StoredAccount,
  type StoredWanted,
} from "./release.ts";
import type { Asked } from "./requests.ts";

const MAX_REASON_LENGTH = 8_000;
const MAX_ASKED_LENGTH = 1_000;

/** Which release of an application is wanted; `revision` is that of this value, 0 when there is none. */
export interface Standing {
  readonly application: string;
  readonly wanted: StoredWanted;
  readonly revision: Revision;
}

export interface Draft extends Asked {
  readonly content: ReleaseContent;
  readonly rollback?: { readonly from: number; readonly to: number };
}

/** What became of a release. */
export type Settlement = { readonly kind: "running" } | { readonly kind: "failed"; readonly reason: string };

export class ReleaseLog {
  readonly #keyValue: KeyValue;
  readonly #clock: Clock;

  constructor(keyValue: KeyValue, clock: Clock) {
    this.#keyValue = keyValue;
    this.#clock = clock;
  }

  async standing(application: string): Promise<Standing> {
    const entry = await this.#keyValue.get(wantedKey(application));
    return entry === undefined
      ? { application, wanted: { last: 0 }, revision: 0 }
      : { application, wanted: decodeWanted(entry), revision: entry.revision };
  }

  /** The newest first. */
  async history({ application, wanted }: Standing): Promise<Release[]> {
    const { entries } = await this.#keyValue.list(accountPrefix(application));
    return entries
      .map((entry) => releaseOf(application, numberOf(entry.key), { account: decodeAccount(entry), wanted }))
      .toReversed();
  }

  async release({ application, wanted }: Standing, number: number): Promise<FullRelease | undefined> {
    const [account, content] = await Promise.all([
      this.#keyValue.get(accountKey(application, number)),
      this.#keyValue.get(contentKey(application, number)),
    ]);
    if (account === undefined || content === undefined) return undefined;
    return {
      ...releaseOf(application, number, { account: decodeAccount(account), wanted }),
      ...decodeContent(content),
    };
  }

  /** The next release of an application. Throws INVALID_CONFIG when it is too large. */
  draft(
    { application, wanted, revision }: Standing,
    { author, source, content, rollback }: Draft,
  ): { readonly changes: readonly Change[]; readonly release: Release } {
    const number = wanted.last + 1;
    const account: StoredAccount = {
      atEpochMs: this.#clock.epochMs(),
      author: author.slice(0, MAX_ASKED_LENGTH),
      source: source.slice(0, MAX_ASKED_LENGTH),
      ...(rollback === undefined ? {} : { rollback }),
      outcome: { kind: "deploying" },
    };
    const value = encode({ config: content.config, directory: content.directory });
    if (value.byteLength > MAX_VALUE_BYTES) {
      const found = `its config takes ${value.byteLength} bytes`;
      throw new ShoalError(
        "INVALID_CONFIG",
        `Cannot deploy "${application}": ${found}, at most ${MAX_VALUE_BYTES}`,
      );
    }
    const next = { number, last: number };
    return {
      changes: [
        { kind: "put", key: wantedKey(application), value: encode(next), expected: revision },
        { kind: "put", key: accountKey(application, number), value: encode(account), expected: 0 },
        { kind: "put", key: contentKey(application, number), value, expected: 0 },
      ],
      release: releaseOf(application, number, { account, wanted: next }),
    };
  }

  removal({ application, wanted, revision }: Standing): Change {
    const next: StoredWanted = { last: wanted.last, removedAtEpochMs: this.#clock.epochMs() };
    return { kind: "put", key: wantedKey(application), value: encode(next), expected: revision };
  }

  /** No change when it is known already; undefined when the release is not there (any more). */
  async settlement(
    { application, wanted }: Standing,
    number: number,
    settled: Settlement,
  ): Promise<{ readonly changes: readonly Change[]; readonly release: Release } | undefined> {
    const key = accountKey(application, number);
    const entry = await this.#keyValue.get(key);
    if (entry === undefined) return undefined;
    const account = decodeAccount(entry);
    const atEpochMs = this.#clock.epochMs();
    const outcome =
      settled.kind === "running"
        ? { kind: settled.kind, atEpochMs }
        : { kind: settled.kind, atEpochMs, reason: settled.reason.slice(0, MAX_REASON_LENGTH) };
    if (isKnown(account.outcome, outcome)) {
      return { changes: [], release: releaseOf(application, number, { account, wanted }) };
    }
    const next = { ...account, outcome };
    return {
      changes: [{ kind: "put", key, value: encode(next), expected: entry.revision }],
      release: releaseOf(application, number, { account: next, wanted }),
    };
  }
}

/** All that is kept of releases, gone. */
export function deletionsOf(releases: readonly Release[]): Change[] {
  return releases
    .flatMap(({ application, number }) => [accountKey(application, number), contentKey(application, number)])
    .map((key) => ({ kind: "delete", key }));
}

/** Invariant 2. */
function isKnown(standing: StoredAccount["outcome"], next: StoredAccount["outcome"]): boolean {
  if (standing.kind === "running") return true;
  return standing.kind === "failed" && next.kind === "failed" && standing.reason === next.reason;
}

function releaseOf(
  application: string,
  number: number,
  { account, wanted }: { readonly account: StoredAccount; readonly wanted: StoredWanted },
): Release {
  const { atEpochMs, author, source, rollback } = account;
  const isLeft = account.outcome.kind === "deploying" && wanted.number !== number;
  const outcome: Outcome = isLeft ? { kind: "superseded" } : account.outcome;
  return { application, number, atEpochMs, author, source, rollback, outcome };
}
