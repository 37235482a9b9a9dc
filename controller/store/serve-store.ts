// What is wanted and how it came to that: the releases of every application, in a backend's key-value store.
//
// 1. What `apply` was asked for is wanted as a whole or not at all, and is there before it resolves.
// 2. Every change is made on what it was decided from, or decided again.
// 3. Bounded: so many releases an application, so many applications that were removed.

import assert from "node:assert/strict";
import { type Clock, ShoalError, systemClock } from "../../runtime/base/index.ts";
import { type Backend, type Change, type KeyValue, MAX_CHANGES } from "../../runtime/cluster/index.ts";
import { forgetReleases, forgetRemoved, MAX_KEEP_RELEASES } from "./forget.ts";
import { originOf, rollbackTarget } from "./history.ts";
import { applicationOf, FORMAT_KEY, SETTINGS_KEY, WANTED_PREFIX } from "./keys.ts";
import {
  decodeFormat,
  decodeSettings,
  encode,
  type FullRelease,
  type JsonObject,
  type Release,
} from "./release.ts";
import type { MemoryKind } from "./keys.ts";
import { readMemories, writeMemory } from "./memories.ts";
import { ReleaseLog, type Settlement, type Standing } from "./release-log.ts";
import type {
  ApplyOutcome,
  ApplyRequest,
  CurrentApplication,
  RollbackOutcome,
  RollbackRequest,
} from "./requests.ts";

/** Of what `release.ts` encodes; a store of a higher one is refused. */
const FORMAT = 1;
/** Rounds of reading and deciding again; only others who write all the time use them up. */
const MAX_ROUNDS = 50;

export interface ServeStoreOptions {
  /** Releases kept of each application, 1 to 400. Default 50. */
  readonly keepReleases?: number;
  /** Removed applications whose releases are kept, the last removed ones. Default 50. */
  readonly keepRemoved?: number;
  readonly clock?: Clock;
}

/** Every method throws the STORE_ codes; INVALID_ARGUMENT for a name that no application can have. */
export class ServeStore {
  readonly #keyValue: KeyValue;
  readonly #log: ReleaseLog;
  readonly #keep: { readonly releases: number; readonly removed: number };

  private constructor(keyValue: KeyValue, options: ServeStoreOptions) {
    const { keepReleases = 50, keepRemoved = 50, clock = systemClock } = options;
    assert(keepReleases >= 1 && keepReleases <= MAX_KEEP_RELEASES && keepRemoved >= 0, "what is kept");
    this.#keyValue = keyValue;
    this.#log = new ReleaseLog(keyValue, clock);
    this.#keep = { releases: keepReleases, removed: keepRemoved };
  }

  /** The backend stays the caller's. Throws STORE_TOO_NEW when a later version wrote there. */
  static async open(backend: Backend, options: ServeStoreOptions = {}): Promise<ServeStore> {
    const { keyValue } = backend;
    const store = new ServeStore(keyValue, options);
    await keyValue.put(FORMAT_KEY, encode({ version: FORMAT }), 0);
    const entry = await keyValue.get(FORMAT_KEY);
    const found = entry === undefined ? FORMAT : decodeFormat(entry);
    if (found > FORMAT) {
      throw new ShoalError(
        "STORE_TOO_NEW",
        `Cannot read the applications in the store: found format ${found}, wanted at most ${FORMAT}. A newer ` +
          "Shoal wrote them: run that one, or name another file. Nothing was changed",
      );
    }
    return store;
  }

  /** Every application that is wanted, in the order of names. */
  async current(): Promise<CurrentApplication[]> {
    const { entries } = await this.#keyValue.list(WANTED_PREFIX);
    const current = await Promise.all(
      entries.map(async ({ key }) => await this.#currentOrUnreadable(applicationOf(key))),
    );
    return current.filter((application) => application !== undefined);
  }

  /** What of the config is the server's, as it was given last. */
  async settings(): Promise<JsonObject | undefined> {
    const entry = await this.#keyValue.get(SETTINGS_KEY);
    return entry === undefined ? undefined : decodeSettings(entry);
  }

  /** Every application that has a history, removed ones too, in the order of names. */
  async known(): Promise<string[]> {
    const { entries } = await this.#keyValue.list(WANTED_PREFIX);
    return entries.map(({ key }) => applicationOf(key));
  }

  /** What was remembered of deployments, their scale, or of applications' traffic, by name; undefined for what is damaged. */
  async memories(kind: MemoryKind): Promise<Map<string, JsonObject | undefined>> {
    return await readMemories(this.#keyValue, kind);
  }

  /** Takes the place of what was remembered; undefined forgets it. */
  async remember(kind: MemoryKind, name: string, memory: JsonObject | undefined): Promise<void> {
    await writeMemory(this.#keyValue, { kind, name }, memory);
  }

  /** The newest first, also of a removed application; empty for one that never was. */
  async history(application: string): Promise<Release[]> {
    return await this.#log.history(await this.#log.standing(application));
  }

  async release(application: string, number: number): Promise<FullRelease | undefined> {
    return await this.#log.release(await this.#log.standing(application), number);
  }

  /** Where a rollback would go. */
  async rollbackTarget(application: string): Promise<Release | undefined> {
    return await this.#target(await this.#log.standing(application));
  }

  /** Throws INVALID_CONFIG for what is too large, an application or all together. */
  async apply(request: ApplyRequest): Promise<ApplyOutcome> {
    const { deploy = new Map(), remove = [], settings, onTopOf = new Map() } = request;
    const outcome = await this.#decide<ApplyOutcome>(async () => {
      const changes: Change[] = [];
      const releases: Release[] = [];
      for (const application of new Set([...onTopOf.keys(), ...deploy.keys(), ...remove])) {
        const standing = await this.#log.standing(application);
        const { number = 0 } = standing.wanted;
        if ((onTopOf.get(application) ?? number) !== number) {
          return { outcome: { kind: "conflict", application, wanted: number } };
        }
        const content = deploy.get(application);
        if (content !== undefined) {
          const draft = this.#log.draft(standing, { ...request, content });
          changes.push(...draft.changes);
          releases.push(draft.release);
        } else if (number > 0 && remove.includes(application)) {
          changes.push(this.#log.removal(standing));
        }
      }
      if (settings !== undefined) changes.push({ kind: "put", key: SETTINGS_KEY, value: encode(settings) });
      return { changes, outcome: { kind: "applied", releases } };
    });
    if (outcome.kind === "applied") await this.#forget([...deploy.keys()], remove.length > 0);
    return outcome;
  }

  /** Makes the content of an earlier release the wanted one, as a release of its own. */
  async rollBack(application: string, request: RollbackRequest): Promise<RollbackOutcome> {
    const outcome = await this.#decide<RollbackOutcome>(async () => {
      const standing = await this.#log.standing(application);
      const { number: from = 0 } = standing.wanted;
      const to = request.to ?? (await this.#target(standing))?.number;
      const found = to === undefined ? undefined : await this.#log.release(standing, to);
      if (found === undefined) return { outcome: { kind: "no target" } };
      const { config, directory } = found;
      const rollback = { from, to: originOf(found) };
      const draft = this.#log.draft(standing, { ...request, content: { config, directory }, rollback });
      const failed =
        request.failure === undefined
          ? undefined
          : await this.#log.settlement(standing, from, { kind: "failed", reason: request.failure });
      return {
        changes: [...draft.changes, ...(failed?.changes ?? [])],
        outcome: { kind: "rolled back", release: { ...draft.release, config, directory } },
      };
    });
    if (outcome.kind === "rolled back") await this.#forget([application], false);
    return outcome;
  }

  /**
   * Notes what became of a release. Writes nothing when that is known, or when it has run before. Undefined when
   * the release is not there (any more).
   */
  async settle(application: string, number: number, settled: Settlement): Promise<Release | undefined> {
    return await this.#decide<Release | undefined>(async () => {
      const settlement = await this.#log.settlement(await this.#log.standing(application), number, settled);
      return { changes: settlement?.changes ?? [], outcome: settlement?.release };
    });
  }

  /** Invariant 2: reads, decides and writes until nobody wrote in between. Without changes nothing is written. */
  async #decide<Outcome>(
    decide: () => Promise<{ readonly changes?: readonly Change[]; readonly outcome: Outcome }>,
  ): Promise<Outcome> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { changes = [], outcome } = await decide();
      if (changes.length > MAX_CHANGES) {
        const found = `it takes ${changes.length} changes of the store`;
        throw new ShoalError("INVALID_CONFIG", `Cannot apply this at once: ${found}, at most ${MAX_CHANGES}`);
      }
      if (changes.length === 0) return outcome;
      if ((await this.#keyValue.commit(changes)).kind === "committed") return outcome;
    }
    throw new ShoalError(
      "STORE_UNAVAILABLE",
      `Cannot write to the store: ${MAX_ROUNDS} times others were first`,
    );
  }

  /** Invariant 3. What was asked for is written by now: failing here must not say that it is not. */
  async #forget(deployed: readonly string[], removed: boolean): Promise<void> {
    const keep = this.#keep.releases;
    try {
      for (const application of deployed)
        await forgetReleases(this.#keyValue, this.#log, { application, keep });
      if (removed) await forgetRemoved(this.#keyValue, this.#log, this.#keep.removed);
    } catch {
      // A little more than is kept stands there, until the next time.
    }
  }

  async #currentOrUnreadable(application: string): Promise<CurrentApplication | undefined> {
    try {
      return await this.#current(await this.#log.standing(application));
    } catch (error) {
      if (error instanceof ShoalError && error.code === "STORE_CORRUPT") {
        return { kind: "unreadable", application, error };
      }
      throw error;
    }
  }

  async #current(standing: Standing): Promise<CurrentApplication | undefined> {
    const { application } = standing;
    const { number } = standing.wanted;
    if (number === undefined) return undefined;
    const wanted = await this.#log.release(standing, number);
    if (wanted === undefined) {
      const what = `release ${number} of "${application}"`;
      throw new ShoalError("STORE_CORRUPT", `Cannot read ${what} from the store: it is wanted and not there`);
    }
    const target = wanted.outcome.kind === "running" ? undefined : await this.#target(standing);
    const good = target === undefined ? undefined : await this.#log.release(standing, target.number);
    return { kind: "wanted", application, wanted, good };
  }

  async #target(standing: Standing): Promise<Release | undefined> {
    return rollbackTarget(await this.#log.history(standing), standing.wanted.number);
  }
}
