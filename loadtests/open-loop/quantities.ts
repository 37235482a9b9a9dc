// Durations, numbers and `name:key=value,…` as they stand on a command line. Pure; what cannot be read throws an
// Error that names the option, what was found and what was wanted.

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** `500ms`, `10s`, `2m`, `1h`; in ms. */
export function readDuration(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const unit = match?.[2];
  if (unit !== "ms" && unit !== "s" && unit !== "m" && unit !== "h") {
    throw new Error(`Cannot use ${option} "${text}": wanted a duration such as 500ms, 10s or 2m`);
  }
  return Number(match?.[1]) * UNIT_MS[unit];
}

export function readNumber(option: string, text: string): number {
  const number = /^-?\d*\.?\d+(?:e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(number)) throw new Error(`Cannot use ${option} "${text}": wanted a number`);
  return number;
}

export function readChoice<Choice extends string>(
  option: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new Error(`Cannot use ${option} "${text}": wanted ${choices.join(", ")}`);
  return found;
}

/** What stands behind the colon of `step:at=10s,factor=8`, taken out key by key. */
export class Fields {
  readonly name: string;
  readonly #option: string;
  readonly #left: Map<string, string>;

  constructor(option: string, text: string) {
    const colon = text.indexOf(":");
    this.name = colon < 0 ? text : text.slice(0, colon);
    this.#option = option;
    const parts = colon < 0 ? [] : text.slice(colon + 1).split(",");
    this.#left = new Map(
      parts.map((part) => {
        const [key, value, more] = part.split("=");
        if (key === undefined || value === undefined || more !== undefined) {
          throw new Error(`Cannot use ${option} "${text}": found "${part}", wanted key=value`);
        }
        return [key, value];
      }),
    );
  }

  duration(key: string): number {
    return readDuration(this.#nameOf(key), this.#take(key));
  }

  optionalDuration(key: string): number | undefined {
    return this.#left.has(key) ? this.duration(key) : undefined;
  }

  number(key: string): number {
    return readNumber(this.#nameOf(key), this.#take(key));
  }

  optionalNumber(key: string): number | undefined {
    return this.#left.has(key) ? this.number(key) : undefined;
  }

  /** Values with slashes between. */
  list(key: string, read: (option: string, text: string) => number): number[] {
    const option = this.#nameOf(key);
    return this.#take(key)
      .split("/")
      .map((text) => read(option, text));
  }

  /** Throws when a key was not asked for. */
  end(): void {
    const [key] = this.#left.keys();
    if (key !== undefined) throw new Error(`Cannot use ${this.#option} "${this.name}": it has no "${key}"`);
  }

  #take(key: string): string {
    const value = this.#left.get(key);
    if (value === undefined) throw new Error(`Cannot use ${this.#option} "${this.name}": it needs ${key}=…`);
    this.#left.delete(key);
    return value;
  }

  #nameOf(key: string): string {
    return `${this.#option} ${this.name} ${key}`;
  }
}
