// Every scenario, in the order in which they are played.

import type { Scenario } from "../scenario.ts";
import { overload } from "./overload.ts";
import { priorities } from "./priorities.ts";
import { ramp } from "./ramp.ts";
import { slowReplica } from "./slow-replica.ts";
import { slowerModel } from "./slower-model.ts";
import { spikes } from "./spikes.ts";
import { step } from "./step.ts";
import { tenants } from "./tenants.ts";
import { zero } from "./zero.ts";

export const SCENARIOS: readonly Scenario[] = [
  step,
  spikes,
  ramp,
  overload,
  tenants,
  priorities,
  zero,
  slowReplica,
  slowerModel,
];
