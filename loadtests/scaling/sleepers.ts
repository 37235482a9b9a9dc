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

/** Rows that each replica has run so far, by its id. */
export async function rowsRun(folder: string): Promise<ReadonlyMap<string, number>> {
  const files = (await readdir(folder)).filter((name) => name.startsWith("ran-"));
  const entries = files.map(async (file): Promise<[string, number]> => {
    const lines = (await readFile(join(folder, file), "utf8")).split("\n");
    const rows = lines.reduce((sum, line) => sum + Number(line), 0);
    return [file.slice("ran-".length).replace(/-(\d+)$/, "#$1"), rows];
  });
  return new Map(await Promise.all(entries));
}
