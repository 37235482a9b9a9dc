// Reading `engine_options`: what every engine's option table is made of.
//
// 1. An unknown key is refused with the list of known ones: a setting that does nothing is a trap.
// 2. Every refusal says where, what was found and what was wanted.

import { ShoalError } from "../base/index.ts";

/** Checks one value and gives it back typed, or undefined when it is not what `wanted` says. */
export interface OptionType<T> {
  readonly wanted: string;
  read(value: unknown): T | undefined;
}

type Options = Readonly<Record<string, unknown>>;

/** Reads the options of one deployment; throws INVALID_CONFIG. */
export class OptionReader {
  readonly #options: Options;
  readonly #deployment: string;

  constructor(options: Options, deployment: string) {
    this.#options = options;
    this.#deployment = deployment;
  }

  /** Invariant 1. */
  allowOnly(known: readonly string[]): void {
    const unknown = Object.keys(this.#options).find((key) => !known.includes(key));
    if (unknown !== undefined) {
      throw this.fault(unknown, `found an unknown key, wanted one of ${known.join(", ")}`);
    }
  }

  /** The value of `key`, or `fallback` when it is absent or null. */
  get<T>(key: string, type: OptionType<T>, fallback: T): T {
    const value = this.#options[key];
    if (value === undefined || value === null) return fallback;
    const read = type.read(value);
    if (read === undefined) throw this.fault(key, `found ${show(value)}, wanted ${type.wanted}`);
    return read;
  }

  fault(key: string, what: string): ShoalError {
    const place = `engine_options.${key}`;
    return new ShoalError(
      "INVALID_CONFIG",
      `Cannot use "${place}" of deployment "${this.#deployment}": ${what}`,
    );
  }
}

/** A value as a message shows it: JSON where it has one, cut short. */
export function show(value: unknown): string {
  const json = jsonOf(value) ?? String(value);
  return json.length > 100 ? `${json.slice(0, 100)}…` : json;
}

/** Undefined for what has none: functions, lists that hold themselves, whole numbers of any size, NaN. */
function jsonOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  if (typeof value === "bigint") return `${value}n`;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

export function wholeNumber(from: number, to = 1024): OptionType<number> {
  return {
    wanted: `a whole number from ${from} to ${to}`,
    read: (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= from && value <= to
        ? value
        : undefined,
  };
}

export function oneOf<const T extends string>(...names: readonly T[]): OptionType<T> {
  return {
    wanted: `one of ${names.join(", ")}`,
    read: (value) => names.find((name) => name === value),
  };
}

export const flag: OptionType<boolean> = {
  wanted: "true or false",
  read: (value) => (typeof value === "boolean" ? value : undefined),
};

export const text: OptionType<string> = {
  wanted: "a text that is not empty",
  read: (value) => (typeof value === "string" && value !== "" ? value : undefined),
};

export const textList: OptionType<readonly string[]> = {
  wanted: "a list of at least one name",
  read(value) {
    if (!Array.isArray(value) || value.length === 0) return undefined;
    const names = value.filter((name: unknown) => typeof name === "string" && name !== "");
    return names.length === value.length ? names : undefined;
  },
};

/** A map whose every value is of `type`. */
export function mapOf<T>(type: OptionType<T>): OptionType<Readonly<Record<string, T>>> {
  return {
    wanted: `a map of names to ${type.wanted}`,
    read(value) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
      const entries: [string, T][] = [];
      for (const [name, entry] of Object.entries(value)) {
        const read = type.read(entry);
        if (read === undefined) return undefined;
        entries.push([name, read]);
      }
      return Object.fromEntries(entries);
    },
  };
}
