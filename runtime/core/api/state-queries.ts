// What can be asked about a runtime: rows of its tables, counts of them, the timeline of its tasks.

import { createWriteStream } from "node:fs";
import {
  FILTER_COLUMNS,
  type NodeRow,
  parseFilter,
  type QueriedRows,
  type RowKind,
  type RowKinds,
  summarizeActors,
  summarizeObjects,
  summarizeTasks,
  type ActorSummary,
  type ObjectSummary,
  type TaskSummary,
  writeChromeTrace,
} from "../state/index.ts";
import { oneOf } from "./check-values.ts";
import type { Core } from "./core.ts";

export interface ListOptions {
  /** Such as `state=RUNNING` or `name!=square`; all must hold. */
  readonly filters?: readonly string[];
  /** 100 by default. */
  readonly limit?: number;
}

export interface Summaries {
  readonly tasks: TaskSummary;
  readonly actors: ActorSummary;
  readonly objects: ObjectSummary;
}

/** Rows of one kind with a note when some were left out. Rejects with INVALID_ARGUMENT on a filter that is none. */
export async function listRows<Kind extends RowKind>(
  core: Core,
  kind: Kind,
  { filters = [], limit }: ListOptions,
): Promise<QueriedRows<RowKinds[Kind]>> {
  oneOf("kind", kind, Object.keys(FILTER_COLUMNS), "list");
  const query = { filters: filters.map((filter) => parseFilter(filter)) };
  return await core.query(kind, limit === undefined ? query : { ...query, limit });
}

/** Counts by name and state, as `ray summary`. */
export async function summarize<Kind extends keyof Summaries>(
  core: Core,
  kind: Kind,
): Promise<Summaries[Kind]> {
  const summaries: { readonly [K in keyof Summaries]: () => Promise<Summaries[K]> } = {
    tasks: async () => summarizeTasks(await core.rows("tasks")),
    actors: async () => summarizeActors(await core.rows("actors")),
    objects: async () => summarizeObjects(await core.rows("objects")),
  };
  oneOf("kind", kind, Object.keys(summaries), "summary");
  return await summaries[kind]();
}

/** Writes the tasks as a Chrome trace, for chrome://tracing or Perfetto. */
export async function writeTimeline(core: Core, path: string): Promise<void> {
  await writeChromeTrace(await core.rows("tasks"), createWriteStream(path));
}

/** By resource, such as `num_cpus`. */
export type ResourceTotals = Readonly<Record<string, { readonly total: number; readonly free: number }>>;

/** What the nodes have together. */
export function totalsOf(nodes: Iterable<NodeRow>): ResourceTotals {
  const totals: Record<string, { total: number; free: number }> = {};
  for (const { resourcesTotal, resourcesFree } of nodes) {
    for (const [resource, total] of Object.entries(resourcesTotal)) {
      const sum = (totals[resource] ??= { total: 0, free: 0 });
      sum.total += total;
      sum.free += resourcesFree[resource] ?? 0;
    }
  }
  return totals;
}
