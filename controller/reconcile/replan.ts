// `plan`, asked only when its answer could be another: the quick exit of a loop over thousands of deployments.

import type { DesiredDeployment } from "./desired.ts";
import type { ObservedDeployment } from "./observed.ts";
import { plan, type Planned } from "./plan.ts";

/** The last answer and what it was made from. */
export interface Remembered {
  readonly desired: DesiredDeployment;
  readonly observed: ObservedDeployment;
  readonly planned: Planned;
}

/**
 * The same object as `before` when nothing changed: the same inputs, by identity, and the time to wake has not come.
 * An observation changes with the memory and with every applied action, so a plan that asked for something is
 * never given twice.
 */
export function replan(
  before: Remembered | undefined,
  { desired, observed }: { readonly desired: DesiredDeployment; readonly observed: ObservedDeployment },
  nowMs: number,
): Remembered {
  const idle =
    before !== undefined &&
    before.desired === desired &&
    before.observed === observed &&
    before.planned.actions.length === 0 &&
    before.planned.memory === observed.memory &&
    nowMs < before.planned.wakeAtMs;
  return idle ? before : { desired, observed, planned: plan(desired, observed, nowMs) };
}
