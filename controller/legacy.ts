// What another controller left: replicas that run, and what gateways route by. A controller that takes its place asks here
// which of it belongs to what is wanted.
//
// 1. A deployment that is wanted keeps the key that gateways know it by, so its queue and connections stay; one that was
//    deleted, and still answers what was admitted, keeps its own. A key is never another deployment's.
// 2. The number of a replica is never used again, nor that of a route update.

import type { ReplicaInfo } from "../replicas/index.ts";
import type { FoundReplica, FoundReplicas } from "./found-replicas.ts";
import type { KnownRoutes } from "./routing/index.ts";

/** Of one deployment. */
export interface Inheritance {
  readonly key: string;
  readonly replicas: readonly FoundReplica[];
  /** What its replicas said of themselves; undefined when that is not known. */
  readonly info: Omit<ReplicaInfo, "socketPath"> | undefined;
}

const NOTHING: FoundReplicas = { running: [], ids: [] };

export class Legacy {
  readonly #replicas: FoundReplicas;
  readonly #known: KnownRoutes["deployments"];
  readonly #taken = new Set<string>();
  /** Of the last route update that any gateway was told. */
  readonly number: number;
  /** Above those of all keys that were given. */
  readonly nextKey: number;

  constructor(replicas: FoundReplicas = NOTHING, known: readonly KnownRoutes[] = []) {
    this.#replicas = replicas;
    this.#known = known.flatMap(({ deployments }) => deployments);
    this.number = Math.max(0, ...known.map(({ number }) => number));
    const keys = [...this.#known, ...replicas.running].map(({ key }) => numberOf(key, "@"));
    this.nextKey = 1 + Math.max(0, ...keys);
  }

  /** What belongs to a deployment that is wanted. */
  take(name: string): Inheritance | undefined {
    const deleted = new Set(this.#known.flatMap((one) => (one.deleted ? [one.key] : [])));
    const keys = [
      ...this.#known.filter((one) => one.name === name),
      ...this.#replicas.running.filter(({ revision }) => revision.config.name === name),
    ].flatMap(({ key }) => (deleted.has(key) || this.#taken.has(key) ? [] : [key]));
    const key = keys.reduce<string | undefined>(
      (newest, one) => (newest === undefined || numberOf(one, "@") > numberOf(newest, "@") ? one : newest),
      undefined,
    );
    return key === undefined ? undefined : this.#of(key);
  }

  /** What runs and was not taken: nobody wants it any more. */
  rest(): readonly Inheritance[] {
    const keys = new Set(this.#replicas.running.map(({ key }) => key));
    return [...keys].filter((key) => !this.#taken.has(key)).map((key) => this.#of(key));
  }

  /** Above the numbers of all replicas of this name. */
  nextReplicaOf(name: string): number {
    const own = this.#replicas.ids.filter((id) => id.slice(0, id.lastIndexOf("#")) === name);
    return 1 + Math.max(-1, ...own.map((id) => numberOf(id, "#")));
  }

  #of(key: string): Inheritance {
    this.#taken.add(key);
    const replicas = this.#replicas.running.filter((one) => one.key === key);
    const info = this.#known.find((one) => one.key === key && one.info !== undefined)?.info;
    return { key, replicas, info };
  }
}

/** `name@12`, `name#12`. */
function numberOf(text: string, mark: string): number {
  const number = Number(text.slice(text.lastIndexOf(mark) + 1));
  return Number.isSafeInteger(number) ? number : 0;
}
