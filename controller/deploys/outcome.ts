// What became of a release, by what its deployments say. Pure.

import type { DeploymentState, Memory } from "../reconcile/index.ts";

/** Of one deployment. */
export interface DeployView {
  readonly name: string;
  /** Of the last deploy that has been planned for. */
  readonly generation: number;
  readonly state: DeploymentState;
  readonly message: string;
  readonly course: Memory["course"]["kind"];
  readonly numReplicas: number;
}

export type ReleaseOutcome =
  | { readonly kind: "running" }
  | { readonly kind: "failed"; readonly reason: string };

/**
 * `running` when all is as wanted and has proven itself, `failed` when one of them was given up; undefined while that is
 * open, and while what was asked for has not been planned for.
 */
export function outcomeOf(asked: number, views: readonly DeployView[]): ReleaseOutcome | undefined {
  if (views.some(({ generation }) => generation !== asked)) return undefined;
  const failed = views.filter(({ state }) => state === "DEPLOY_FAILED");
  if (failed.length > 0)
    return { kind: "failed", reason: failed.map(({ name, message }) => `${name}: ${message}`).join("; ") };
  return views.every(isDone) ? { kind: "running" } : undefined;
}

/** Without replicas there is nothing to prove. */
function isDone({ state, course, numReplicas }: DeployView): boolean {
  return state === "HEALTHY" && (course === "STEADY" || numReplicas === 0);
}
