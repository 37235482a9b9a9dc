// Which version answers a request: by what it says, by its session, else by chance. On the request path: a table that
// was prepared once, no allocation but for a cookie's value.
//
// 1. Rules come before sessions, sessions before chance.
// 2. A session's version depends on its key and the slots, and on nothing else.
// 3. The requests of a version that cannot answer go to the stable one; its slots stay its own.

import type { StickyConfig } from "../config/index.ts";
import { cookieIn } from "./cookies.ts";
import { hashOf, slotOf } from "./hash.ts";
import { ownersOf } from "./slots.ts";
import { SLOTS, type TrafficTable } from "./table.ts";

/** As Node has them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

interface Rule {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly cookies: readonly (readonly [name: string, value: string])[];
  readonly version: number;
}

const ANY = "*";

export class Chooser {
  readonly sticky: StickyConfig;
  /** By slot: the version that answers. */
  readonly #answers: Uint8Array;
  /** By version: the one that answers. */
  readonly #instead: Uint8Array;
  readonly #rules: readonly Rule[];
  readonly #seed: number;

  constructor(table: TrafficTable) {
    this.sticky = table.sticky;
    this.#instead = Uint8Array.from(table.versions, ({ answers }) => answers);
    this.#answers = Uint8Array.from(ownersOf(table.slots), (owner) => this.#instead[owner] ?? table.stable);
    this.#rules = table.rules.map(({ headers, cookies, version }) => ({
      headers: Object.entries(headers),
      cookies: Object.entries(cookies),
      version,
    }));
    // So that who is in one application's tenth is not in every other's.
    this.#seed = hashOf(table.application, 0);
  }

  /** The version that a rule sends the request to; undefined when none fits. */
  matched(headers: RequestHeaders): number | undefined {
    for (const rule of this.#rules) {
      if (fits(rule, headers)) return this.#instead[rule.version];
    }
    return undefined;
  }

  /** What names the session, or who asks; undefined when the request does not say. */
  sessionOf(headers: RequestHeaders): string | undefined {
    if (this.sticky.kind === "none") return undefined;
    const value =
      this.sticky.kind === "header"
        ? textOf(headers[this.sticky.name])
        : cookieIn(textOf(headers["cookie"]), this.sticky.name);
    return value === "" ? undefined : value;
  }

  /** Invariant 2. */
  ofSession(key: string): number {
    return this.#answers[slotOf(hashOf(key, this.#seed))] ?? 0;
  }

  /** `chance` is evenly from 0 to below 1. */
  byChance(chance: number): number {
    return this.#answers[Math.floor(chance * SLOTS)] ?? 0;
  }
}

function fits({ headers: wanted, cookies }: Rule, headers: RequestHeaders): boolean {
  for (const [name, value] of wanted) {
    const found = textOf(headers[name]);
    if (found === undefined || (value !== ANY && found !== value)) return false;
  }
  if (cookies.length === 0) return true;
  const jar = textOf(headers["cookie"]);
  for (const [name, value] of cookies) {
    const found = cookieIn(jar, name);
    if (found === undefined || (value !== ANY && found !== value)) return false;
  }
  return true;
}

/** Of a header that came more than once: the first. */
function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "object" ? value[0] : value;
}
