// A deployment as traffic sees it.

import { type DesiredDeployment, keyOf, type PlannedStatus, shortVersion } from "../reconcile/index.ts";
import type { VersionView } from "./plan.ts";

export function versionView({
  ready,
  planned,
  desired,
}: {
  readonly ready: boolean;
  /** Undefined before its first plan. */
  readonly planned: PlannedStatus | undefined;
  readonly desired: DesiredDeployment;
}): VersionView {
  // What was planned for another version says nothing of this one.
  const current = planned?.versions.wanted === shortVersion(desired.revision);
  return {
    healthy: current && planned.state === "HEALTHY",
    ready,
    failed: current && !planned.takesRequests,
    message: planned?.message ?? "",
    key: keyOf(desired.revision),
  };
}
