// The key-value store as a table: a log of changes, of which the newest of each key is what stands.
//
// 1. A commit is one transaction: all its changes, or none.
// 2. Of what is past, the newest is kept, within `retention`; the revision up to which it went is kept with it.
//
// Synchronous; it runs on the store's thread.

import assert from "node:assert/strict";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Change, CommitOutcome, Entry, Listing, Revision, WatchEvent } from "../backend.ts";
import type { Changes, Retention } from "./protocol.ts";
import { bytesOf, numberOf, type Row, textOf } from "./row.ts";

/** Changes that a watcher is given at a time, and past changes that are looked at at a time. */
const PAGE = 100;
/** Bytes of values that a watcher is given at a time; one value is given whatever its size. */
const PAGE_BYTES = 4 * 1024 * 1024;

export class ChangeLog {
  readonly #database: DatabaseSync;
  readonly #retention: Retention;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #supersede: StatementSync;
  readonly #append: StatementSync;
  readonly #after: StatementSync;
  readonly #oldestPast: StatementSync;
  readonly #dropPast: StatementSync;
  readonly #setTrimmed: StatementSync;
  #head: Revision;
  #trimmed: Revision;
  #past: { readonly changes: number; readonly bytes: number };

  constructor(database: DatabaseSync, retention: Retention) {
    this.#database = database;
    this.#retention = retention;
    this.#get = database.prepare("SELECT key, value, revision FROM log WHERE current = 1 AND key = ?");
    this.#list = database.prepare(
      "SELECT key, value, revision FROM log WHERE current = 1 AND key >= ? AND key < ? ORDER BY key",
    );
    this.#supersede = database.prepare("UPDATE log SET current = 0 WHERE current = 1 AND key = ?");
    this.#append = database.prepare("INSERT INTO log (key, value, current) VALUES (?, ?, ?)");
    this.#after = database.prepare(
      "SELECT key, value, revision FROM log WHERE revision > ? AND key >= ? AND key < ? ORDER BY revision LIMIT ?",
    );
    this.#oldestPast = database.prepare(
      "SELECT revision, ifnull(length(value), 0) AS bytes FROM log WHERE current = 0 ORDER BY revision LIMIT ?",
    );
    this.#dropPast = database.prepare("DELETE FROM log WHERE current = 0 AND revision <= ?");
    this.#setTrimmed = database.prepare("UPDATE facts SET value = ? WHERE name = 'trimmed'");
    this.#trimmed = numberOf(
      database.prepare("SELECT value FROM facts WHERE name = 'trimmed'").get(),
      "value",
    );
    this.#head = numberOf(
      database.prepare("SELECT ifnull(max(seq), 0) AS head FROM sqlite_sequence WHERE name = 'log'").get(),
      "head",
    );
    const past = database
      .prepare(
        "SELECT count(*) AS changes, ifnull(sum(length(value)), 0) AS bytes FROM log WHERE current = 0",
      )
      .get();
    this.#past = { changes: numberOf(past, "changes"), bytes: numberOf(past, "bytes") };
  }

  get(key: string): Entry | undefined {
    const row = this.#get.get(key);
    return row === undefined ? undefined : entryOf(row);
  }

  list(prefix: string): Listing {
    return { entries: this.#list.all(...rangeOf(prefix)).map(entryOf), revision: this.#head };
  }

  commit(changes: readonly Change[]): CommitOutcome {
    const before = { head: this.#head, past: this.#past, trimmed: this.#trimmed };
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const change of changes) {
        const conflict = this.#apply(change);
        if (conflict === undefined) continue;
        this.#rollBack(before);
        return conflict;
      }
      this.#trim();
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#rollBack(before);
      throw error;
    }
    return { kind: "committed", revision: this.#head };
  }

  /** What changed under `prefix` after a revision, oldest first. */
  changes(prefix: string, after: Revision): Changes {
    if (after < this.#trimmed) {
      return { events: [{ kind: "missed", revision: this.#trimmed }], upTo: this.#trimmed, more: true };
    }
    const events: WatchEvent[] = [];
    let bytes = 0;
    for (const row of this.#after.iterate(after, ...rangeOf(prefix), PAGE)) {
      const event = eventOf(row);
      events.push(event);
      bytes += event.kind === "put" ? event.value.byteLength : 0;
      if (bytes >= PAGE_BYTES) break;
    }
    const more = events.length === PAGE || bytes >= PAGE_BYTES;
    return { events, upTo: more ? (events.at(-1)?.revision ?? after) : Math.max(after, this.#head), more };
  }

  /** The conflict when the key is not where it was expected. */
  #apply(change: Change): CommitOutcome | undefined {
    const { key, expected } = change;
    const standing = this.#get.get(key);
    const revision = standing === undefined ? 0 : numberOf(standing, "revision");
    if (expected !== undefined && expected !== revision) return { kind: "conflict", key, revision };
    if (standing !== undefined) {
      this.#supersede.run(key);
      this.#addPast(1, bytesOf(standing, "value")?.byteLength ?? 0);
    }
    if (change.kind === "delete") this.#addPast(1, 0);
    const { lastInsertRowid } =
      change.kind === "put" ? this.#append.run(key, change.value, 1) : this.#append.run(key, null, 0);
    this.#head = Number(lastInsertRowid);
    return undefined;
  }

  #addPast(changes: number, bytes: number): void {
    this.#past = { changes: this.#past.changes + changes, bytes: this.#past.bytes + bytes };
  }

  /** Invariant 2. */
  #trim(): void {
    const { maxChanges, maxBytes } = this.#retention;
    const isTooMuch = (): boolean => this.#past.changes > maxChanges || this.#past.bytes > maxBytes;
    if (!isTooMuch()) return;
    while (isTooMuch()) {
      const oldest = this.#oldestPast.all(PAGE);
      assert(oldest.length > 0, "past changes are counted that are not there");
      for (const row of oldest) {
        if (!isTooMuch()) break;
        this.#trimmed = numberOf(row, "revision");
        this.#addPast(-1, -numberOf(row, "bytes"));
      }
      this.#dropPast.run(this.#trimmed);
    }
    this.#setTrimmed.run(this.#trimmed);
  }

  /** Invariant 1; sqlite has rolled back by itself after some failures. */
  #rollBack(before: { head: Revision; past: { changes: number; bytes: number }; trimmed: Revision }): void {
    this.#head = before.head;
    this.#past = before.past;
    this.#trimmed = before.trimmed;
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
  }
}

/** Keys under a prefix are those from the first to before the second; "0" is what follows "/". */
function rangeOf(prefix: string): [string, string] {
  return prefix === "" ? ["", "\u007F"] : [prefix, `${prefix.slice(0, -1)}0`];
}

function entryOf(row: Row): Entry {
  const value = bytesOf(row, "value");
  assert(value !== undefined, "a standing key without a value");
  return { key: textOf(row, "key"), value, revision: numberOf(row, "revision") };
}

function eventOf(row: Row): WatchEvent {
  const [key, value, revision] = [textOf(row, "key"), bytesOf(row, "value"), numberOf(row, "revision")];
  return value === undefined ? { kind: "delete", key, revision } : { kind: "put", key, value, revision };
}
