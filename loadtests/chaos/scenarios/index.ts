// Every scenario, in the order in which they are run.

import type { Scenario } from "../scenario.ts";
import { controllerRestarts } from "./controller-restarts.ts";
import { failingRollouts } from "./failing-rollouts.ts";
import { gatewayProcesses } from "./gateway-processes.ts";
import { hungReplica } from "./hung-replica.ts";
import { killReplicas } from "./kill-replicas.ts";
import { killServer } from "./kill-server.ts";
import { leakingReplica } from "./leaking-replica.ts";
import { lightChange } from "./light-change.ts";
import { rollout } from "./rollout.ts";
import { scale } from "./scale.ts";
import { slowLoad } from "./slow-load.ts";
import { weightShift } from "./weight-shift.ts";

export const SCENARIOS: readonly Scenario[] = [
  killReplicas,
  killServer,
  rollout,
  failingRollouts,
  lightChange,
  weightShift,
  scale,
  hungReplica,
  leakingReplica,
  slowLoad,
  gatewayProcesses,
  controllerRestarts,
];
