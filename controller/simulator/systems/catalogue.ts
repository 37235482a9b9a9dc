// The systems by the names they have in tables and on the command line, each with the settings it has there.

import { AimdRule } from "./aimd-rule.ts";
import { FixedBatchRule } from "./batch-rule.ts";
import { CorkRule } from "./cork-rule.ts";
import { perReplica } from "./per-replica.ts";
import { ray } from "./ray.ts";
import type { SystemMaker } from "./serving-system.ts";
import { sharedQueue } from "./shared-queue.ts";
import { shoal } from "./shoal.ts";

/** Ray with settings for the objective: batches of `maxBatch`, no wait, room for the next batch at the replica. */
export function tunedRay(maxBatch: number, name = `ray b${maxBatch}`): SystemMaker {
  return ray({ maxBatch, waitMs: 0, maxOngoing: 2 * maxBatch }, name);
}

export interface TritonSettings {
  readonly maxBatch: number;
  /** `max_queue_delay`; Triton's default is 0. */
  readonly delayMs?: number;
  /** `default_timeout` with REJECT; Triton's default is none. */
  readonly queueTimeoutMs?: number;
}

/** Triton servers of one instance each, behind a balancer that sends to the shortest queue. */
export function triton(
  { maxBatch, delayMs = 0, queueTimeoutMs }: TritonSettings,
  name?: string,
): SystemMaker {
  const timeout = queueTimeoutMs === undefined ? {} : { queueTimeoutMs };
  return perReplica(name ?? `triton b${maxBatch}`, {
    rule: () => new FixedBatchRule({ maxBatch, waitMs: delayMs, countFrom: "arrival", ...timeout }),
  });
}

export function bentoml(): SystemMaker {
  return perReplica("bentoml", { rule: ({ objectiveMs }) => new CorkRule({ maxLatencyMs: objectiveMs }) });
}

/** `share` of the objective is what a batch may take. */
export function clipper(share = 1, name = "clipper"): SystemMaker {
  return sharedQueue(
    name,
    ({ profile, objectiveMs }) => new AimdRule({ maxBatch: profile.maxRows, latencyMs: share * objectiveMs }),
  );
}

/** The shortest queue, whatever waits runs when the replica is free. */
export function shortestQueue(): SystemMaker {
  return perReplica("shortest-queue", {
    rule: ({ profile }) => new FixedBatchRule({ maxBatch: profile.maxRows, waitMs: 0, countFrom: "arrival" }),
  });
}

/** One queue for all; a free replica takes all that waits. */
export function centralGreedy(): SystemMaker {
  return sharedQueue(
    "central-greedy",
    ({ profile }) => new FixedBatchRule({ maxBatch: profile.maxRows, waitMs: 0, countFrom: "arrival" }),
  );
}

export const SYSTEMS: Readonly<Record<string, () => SystemMaker>> = {
  shoal: () => shoal(),
  ray: () => ray(),
  "ray-tuned": () => tunedRay(32, "ray-tuned"),
  triton: () => triton({ maxBatch: 32 }, "triton"),
  bentoml,
  clipper: () => clipper(),
  "shortest-queue": shortestQueue,
  "central-greedy": centralGreedy,
};
