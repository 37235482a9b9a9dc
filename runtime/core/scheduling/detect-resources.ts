// What this machine has, as the operating system tells: the totals a node starts from.
//
// 1. A limit of the container (affinity, CPU quota, memory) counts, not the size of the host.

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
    return readdirSync(NVIDIA_GPUS).length;
  } catch {
    return 0;
  }
}

function usableMemoryBytes(): number {
  // Without a limit the answer is 0, or a number far above the memory there is.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
