// The module that the scenarios serve: its batches take as long as it is told and no processor time, so that a small machine
// carries many replicas. It gives back what it got.
//
// 1. How fast it is can change while it runs: a file says by how much each replica is slower.

import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

interface Settings {
  /** Of a batch, in milliseconds: fixed + per_row · rows. */
  readonly fixed_ms: number;
  readonly per_row_ms: number;
  /** Up to this share longer or shorter, drawn anew for each batch: places that are full all at once do not stay in step. */
  readonly jitter: number;
  /** Relative standard deviation, log-normal, mean 1. */
  readonly noise: number;
  /** Where `pace.json` is, and where replicas note the rows of each batch that they ran, and its milliseconds. */
  readonly folder: string;
}

interface Input {
  readonly shape: readonly number[];
  readonly datatype: string;
  readonly data: unknown;
}

export class Sleeper {
  #settings: Settings | undefined;
  #replicaId = "";

  start({ userConfig, replicaId }: { readonly userConfig: unknown; readonly replicaId?: string }): void {
    this.#settings = userConfig as Settings;
    this.#replicaId = replicaId ?? "";
  }

  async infer({ x }: { readonly x: Input }): Promise<{ readonly y: Input }> {
    const { fixed_ms: fixedMs, per_row_ms: perRowMs, jitter, noise, folder } = this.#settings ?? NOTHING;
    const rows = x.shape[0] ?? 1;
    const factor = factorOf(folder, this.#replicaId);
    const chance = (1 + jitter * (2 * Math.random() - 1)) * logNormal(noise);
    const beganMs = performance.now();
    await sleep((fixedMs + perRowMs * rows) * factor * chance);
    const line = `${rows} ${performance.now() - beganMs}\n`;
    if (folder !== "") appendFileSync(join(folder, `ran-${this.#replicaId.replace("#", "-")}`), line);
    return { y: x };
  }
}

const NOTHING: Settings = { fixed_ms: 0, per_row_ms: 0, jitter: 0, noise: 0, folder: "" };

function logNormal(deviation: number): number {
  const variance = Math.log(1 + deviation ** 2);
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return Math.exp(Math.sqrt(variance) * normal - variance / 2);
}

/** Invariant 1. */
function factorOf(folder: string, replicaId: string): number {
  if (folder === "") return 1;
  try {
    const factors = JSON.parse(readFileSync(join(folder, "pace.json"), "utf8")) as Record<string, number>;
    return factors[replicaId] ?? factors["all"] ?? 1;
  } catch {
    return 1; // nobody has said anything
  }
}
