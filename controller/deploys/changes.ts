// What a deploy changes of all that is wanted. Pure.

import type { ServeConfig } from "../config/index.ts";
import { type ApplicationChange, differenceOf } from "./difference.ts";
import type { Candidate, Standing } from "./standing.ts";

export interface ChangesOptions {
  /** Of the store, and not served: gone unless they are asked for again. */
  readonly unreadable: ReadonlyMap<string, string>;
  readonly retry: boolean;
}

/** Of every application that was wanted or is: first those that are, in the order of the file. */
export function changesOf(
  standing: ReadonlyMap<string, Standing>,
  candidates: readonly Candidate[],
  { unreadable, retry }: ChangesOptions,
): ApplicationChange[] {
  const next = new Map(candidates.map((candidate) => [candidate.config.name, candidate]));
  const names = new Set([...next.keys(), ...standing.keys(), ...unreadable.keys()]);
  return [...names].map((name) => {
    const change = differenceOf(name, beforeOf(standing.get(name)), next.get(name));
    return change.change === "retried" && !retry ? { ...change, change: "unchanged" } : change;
  });
}

export function beforeOf(
  standing: Standing | undefined,
): (Standing & { readonly failed: boolean }) | undefined {
  return standing === undefined
    ? undefined
    : { ...standing, failed: standing.release.outcome.kind === "failed" };
}

/** What of the settings does not take place now. */
export function notesOf(before: ServeConfig, next: ServeConfig): string[] {
  const sections = [
    ["http_options", "http"],
    ["admin_options", "admin"],
    ["keda_options", "keda"],
    ["logging_config", "logging"],
  ] as const;
  return sections
    .filter(([, key]) => JSON.stringify(next[key]) !== JSON.stringify(before[key]))
    .map(([name]) => `${name} changed: what it says of listeners and logs holds from the next start`);
}
