// The machine as the first node: what it has, or what it is told to have.

import type { RuntimeOptions } from "../api/runtime-options.ts";
import { detectResources } from "../scheduling/detect-resources.ts";
import type { ResourceAmounts } from "../scheduling/resources.ts";
import { HEAD_NODE } from "./state-tables.ts";

export interface MachineNode {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: ResourceAmounts & { readonly num_cpus: number };
}

export function machineNode({
  labels,
  resources,
  numCpus,
  numGpus,
  memoryBytes,
}: RuntimeOptions): MachineNode {
  const machine = detectResources();
  return {
    id: HEAD_NODE,
    labels: labels ?? {},
    resources: {
      ...resources,
      num_cpus: numCpus ?? machine["num_cpus"] ?? 1,
      num_gpus: numGpus ?? machine["num_gpus"] ?? 0,
      memory: memoryBytes ?? machine["memory"] ?? 0,
    },
  };
}
