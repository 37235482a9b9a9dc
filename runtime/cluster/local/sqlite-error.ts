// What sqlite says when it cannot, as one of our codes with what to do about it.

import { asShoalError, messageOf, ShoalError, systemCodeOf } from "../../base/index.ts";

/** Primary result codes, https://sqlite.org/rescode.html */
const SQLITE = { BUSY: 5, LOCKED: 6, CORRUPT: 11, FULL: 13, NOTADB: 26 } as const;

/** `doing` follows "Cannot": `read the store "path"`. */
export function storeError(thrown: unknown, doing: string): ShoalError {
  const said = messageOf(thrown);
  switch (systemCodeOf(thrown) === "ENOSPC" ? SQLITE.FULL : primaryCodeOf(thrown)) {
    case undefined:
      return asShoalError(thrown, "STORE_UNAVAILABLE", `Cannot ${doing}`);
    case SQLITE.CORRUPT:
    case SQLITE.NOTADB:
      return corrupt(doing, said, thrown);
    case SQLITE.FULL:
      return new ShoalError(
        "STORE_FULL",
        `Cannot ${doing}: no room (${said}); nothing of this change was written and nothing older is lost. ` +
          "Free disk space, or raise the store's limit; then try again",
        { cause: thrown },
      );
    default:
      return new ShoalError("STORE_UNAVAILABLE", `Cannot ${doing}: ${said}`, { cause: thrown });
  }
}

/** A file that is there and cannot be a store of ours as it is. */
export function corrupt(doing: string, found: string, cause?: unknown): ShoalError {
  return new ShoalError(
    "STORE_CORRUPT",
    `Cannot ${doing}: ${found}. Nothing was deleted. Put back a copy, or recover what is there with sqlite3's ` +
      ".recover, or move the file and those beside it away to start with an empty store",
    { cause },
  );
}

/** Whether somebody else has the lock. */
export function isBusy(thrown: unknown): boolean {
  const code = primaryCodeOf(thrown);
  return code === SQLITE.BUSY || code === SQLITE.LOCKED;
}

/** The low byte of what node:sqlite gives; undefined when it was not sqlite that failed. */
function primaryCodeOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !("errcode" in thrown)) return undefined;
  return typeof thrown.errcode === "number" ? thrown.errcode & 0xff : undefined;
}
