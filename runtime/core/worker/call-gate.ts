// How many calls of an actor run at a time, by concurrency group.
//
// 1. Within a group calls begin in the order in which they came.

const DEFAULT_CONCURRENCY = 1_000;

interface Group {
  readonly limit: number;
  running: number;
  readonly waiting: (() => void)[];
}

export class CallGate {
  readonly #groups = new Map<string, Group>();

  /** `limits` by group; the group of no name has `maxConcurrency`. */
  constructor(maxConcurrency: number | undefined, limits: Readonly<Record<string, number>>) {
    this.#groups.set("", { limit: maxConcurrency ?? DEFAULT_CONCURRENCY, running: 0, waiting: [] });
    for (const [name, limit] of Object.entries(limits)) {
      this.#groups.set(name, { limit, running: 0, waiting: [] });
    }
  }

  /** Undefined when there is no such group. */
  group(name: string): Group | undefined {
    return this.#groups.get(name);
  }

  /** False when there is no room now: then `await` it. */
  enter(group: Group): boolean {
    if (group.running >= group.limit) return false;
    group.running++;
    return true;
  }

  /** Runs `begin` when there is room. */
  await(group: Group, begin: () => void): void {
    group.waiting.push(begin);
  }

  leave(group: Group): void {
    const next = group.waiting.shift();
    if (next === undefined) group.running--;
    else next();
  }
}
