// What a user's policy answered, judged: numbers of replicas and perhaps a state, or what is wrong with it.

import type { Judged } from "./asking.ts";

/** Largest state a policy may keep with us, as JSON. */
const MAX_STATE_LENGTH = 65_536;
const LONGEST_QUOTE = 60;

export interface ReplicasAnswer {
  readonly replicas: number;
  /** Null when it keeps none. */
  readonly state: unknown;
}

/** `5` or, as in Ray, `[5, state]`. */
export function judgeAnswer(answer: unknown): Judged<ReplicasAnswer> {
  const [replicas, state]: readonly unknown[] = Array.isArray(answer) ? answer : [answer];
  if (!isReplicas(replicas)) {
    return unusable(`answered ${quote(replicas)}, a whole number of replicas was wanted`);
  }
  const tooLarge = sizeFault(state);
  return tooLarge ?? { kind: "good", answer: { replicas, state: state ?? null } };
}

export interface ApplicationAnswer {
  /** By deployment; those that it left out are not in it. */
  readonly replicas: ReadonlyMap<string, number>;
  /** By deployment; one that it left out keeps its own. */
  readonly states: ReadonlyMap<string, unknown>;
}

/**
 * `{ digits: 5 }` or, as in Ray, `[{ digits: 5 }, { digits: state }]`; a `Map` is as good. Refused as a whole: numbers that
 * belong together are not taken in part. `asked` are the deployments it was asked about.
 */
export function judgeAnswers(
  answer: unknown,
  asked: readonly string[],
  last: ApplicationAnswer | undefined,
): Judged<ApplicationAnswer> {
  const [told, kept = {}]: readonly unknown[] = Array.isArray(answer) ? answer : [answer];
  const wanted = "numbers of replicas by deployment were wanted";
  const numbers = entriesOf(told);
  if (numbers === undefined) return unusable(`answered ${quote(told)}, ${wanted}`);
  const states = entriesOf(kept ?? {});
  if (states === undefined)
    return unusable(`answered ${quote(kept)} as states, states by deployment were wanted`);
  for (const [name] of [...numbers, ...states]) {
    if (!asked.includes(name)) {
      return unusable(`answered for "${cut(name)}", one of ${asked.join(", ")} was wanted`);
    }
  }
  const replicas = new Map<string, number>();
  for (const [name, number] of numbers) {
    if (!isReplicas(number)) {
      return unusable(`answered ${quote(number)} for "${name}", a whole number of replicas was wanted`);
    }
    replicas.set(name, number);
  }
  const merged = new Map([...(last?.states ?? []), ...states].filter(([name]) => asked.includes(name)));
  return sizeFault(Object.fromEntries(merged)) ?? { kind: "good", answer: { replicas, states: merged } };
}

function isReplicas(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** Of a plain object or a map with names for keys; undefined for anything else. */
function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (value instanceof Map) {
    const entries: readonly (readonly [unknown, unknown])[] = [...value];
    return entries.map(([name, of]) => [String(name), of] as const);
  }
  if (typeof value !== "object" || value === null) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined;
}

function sizeFault(state: unknown): { readonly kind: "unusable"; readonly why: string } | undefined {
  const size = sizeOf(state);
  if (size === undefined) return unusable("answered a state that is no JSON");
  if (size <= MAX_STATE_LENGTH) return undefined;
  return unusable(`answered a state of ${size} characters of JSON, ${MAX_STATE_LENGTH} are allowed`);
}

function unusable(why: string): { readonly kind: "unusable"; readonly why: string } {
  return { kind: "unusable", why };
}

/** Undefined for what is no JSON. */
function sizeOf(state: unknown): number | undefined {
  if (state === undefined) return 0;
  try {
    return JSON.stringify(state)?.length;
  } catch {
    return undefined;
  }
}

function quote(value: unknown): string {
  if (typeof value === "string") return cut(JSON.stringify(value)); // "3" is no 3
  if (typeof value !== "object" || value === null) return cut(String(value));
  return Array.isArray(value) ? "a list" : "an object";
}

function cut(text: string): string {
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text;
}
