// What this machine has, as the operating system tells: the totals a node starts from.
//
// 1. A limit of the container (affinity, CPU quota, memory) counts, not the size of the host; so do the devices that this
//    process was given.

import { readdirSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { ResourceAmounts } from "./resources.ts";

const NVIDIA_GPUS = "/proc/driver/nvidia/gpus";

/** `num_cpus`, `num_gpus` (NVIDIA on Linux; 0 where none can be seen) and `memory` in bytes. */
export function detectResources(): ResourceAmounts {
  return { num_cpus: availableParallelism(), num_gpus: countGpus(), memory: usableMemoryBytes() };
}

function countGpus(): number {
  try {
    return Math.min(readdirSync(NVIDIA_GPUS).length, countGiven(process.env["CUDA_VISIBLE_DEVICES"]));
  } catch {
    return 0;
  }
}

/** As CUDA reads it: what comes behind a device that there is not does not count. */
function countGiven(devices: string | undefined): number {
  if (devices === undefined) return Number.POSITIVE_INFINITY;
  const names = devices.split(",").map((name) => name.trim());
  const end = names.findIndex((name) => name === "" || name.startsWith("-"));
  return end < 0 ? names.length : end;
}

function usableMemoryBytes(): number {
  // Without a limit the answer is 0, or a number far above the memory there is.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
