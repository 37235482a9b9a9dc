// Deployments of the sleeping module: how long its batches take, and what its replicas have run.

import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DeploymentFile } from "../chaos/config-file.ts";

export const SLEEPER_MODULE = `${join(import.meta.dirname, "models/sleeper.ts")}:Sleeper`;

export interface Sleep {
  /** Of a batch, in milliseconds: `fixedMs + perRowMs · rows`. */
  readonly fixedMs: number;
  readonly perRowMs: number;
  readonly maxBatch: number;
  /** Up to this share longer or shorter; 0 by default. */
  readonly jitter?: number;
  /** Relative standard deviation besides, log-normal; 0 by default. */
  readonly noise?: number;
}

/** What one replica gets through with full batches, in requests a second. */
export function fullRate({ fixedMs, perRowMs, maxBatch }: Sleep): number {
  return (maxBatch * 1_000) / (fixedMs + perRowMs * maxBatch);
}

/** A deployment whose replicas run one batch at a time. `settings` are keys of a deployment. */
export function sleeper(
  name: string,
  folder: string,
  { sleep, ...settings }: { readonly sleep: Sleep } & Readonly<Record<string, unknown>>,
): DeploymentFile {
  const { fixedMs, perRowMs, maxBatch, jitter = 0, noise = 0 } = sleep;
  return {
    name,
    module: SLEEPER_MODULE,
    resources: { num_cpus: 0.01 },
    min_ready_s: 0,
    user_config: { fixed_ms: fixedMs, per_row_ms: perRowMs, jitter, noise, folder },
    max_ongoing_requests: maxBatch,
    batching: { max_batch_size: maxBatch, max_concurrent_batches: 1 },
    ...settings,
  };
}

/** From now on a replica's batches take so many times as long: of those by name, and of `all` others. */
export async function setPace(folder: string, factors: Readonly<Record<string, number>>): Promise<void> {
  const path = join(folder, "pace.json");
  await writeFile(`${path}.new`, JSON.stringify(factors));
  await rename(`${path}.new`, path); // nobody reads half of it
}

/** A batch that a replica ran, and how long that took: a sleep ends late. */
export interface RanBatch {
  readonly rows: number;
  readonly ms: number;
}

/** The batches that each replica has run so far, by its id. */
export async function batchesRun(folder: string): Promise<ReadonlyMap<string, readonly RanBatch[]>> {
  const files = (await readdir(folder)).filter((name) => name.startsWith("ran-"));
  const entries = files.map(async (file): Promise<[string, readonly RanBatch[]]> => {
    const lines = (await readFile(join(folder, file), "utf8")).split("\n").slice(0, -1);
    const batches = lines.map((line) => {
      const [rows = Number.NaN, ms = Number.NaN] = line.split(" ").map(Number);
      return { rows, ms };
    });
    return [file.slice("ran-".length).replace(/-(\d+)$/, "#$1"), batches];
  });
  return new Map(await Promise.all(entries));
}

/** Rows that each replica has run so far, by its id. */
export async function rowsRun(folder: string): Promise<ReadonlyMap<string, number>> {
  const all = [...(await batchesRun(folder))];
  return new Map(all.map(([id, batches]) => [id, batches.reduce((sum, { rows }) => sum + rows, 0)]));
}
