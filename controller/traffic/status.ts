// What can be said of an application's traffic.

import type { TrafficConfig } from "../config/index.ts";
import { percentOf } from "./canary.ts";
import { quantileMs } from "./latency-counts.ts";
import { partsOf, type TrafficEvent, type TrafficMemory } from "./plan.ts";
import { SLOTS } from "./table.ts";
import { noCopies, noRequests, type ShadowTally } from "./tally.ts";

export interface TrafficStatus {
  readonly model: string | undefined;
  readonly stable: string;
  readonly versions: readonly VersionStatus[];
  readonly canary: CanaryStatus | undefined;
  /** The last changes and why, oldest first. */
  readonly history: readonly TrafficEvent[];
}

export interface VersionStatus {
  readonly deployment: string;
  /** Percent of the requests that no rule matches. */
  readonly share: number;
  /** Why the stable version answers in its place; empty when it answers itself. */
  readonly trouble: string;
  /** Of the requests that its share gave it, since the server started. */
  readonly answered: number;
  readonly failed: number;
  readonly refused: number;
  /** Requests that a rule sent here. */
  readonly matched: number;
  /** Undefined before the first answer. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
  /** Undefined for one that is no shadow. */
  readonly shadow: ShadowTally | undefined;
}

export interface CanaryStatus {
  readonly deployment: string;
  readonly state: "WAITING" | "STEPPING" | "PROMOTED" | "ROLLED_BACK";
  /** Of the stable version's weight. */
  readonly percent: number;
  readonly reason: string;
}

export function trafficStatus(config: TrafficConfig, memory: TrafficMemory): TrafficStatus {
  const { canary, totals, copies, troubled, history } = memory;
  const parts = partsOf(config, canary);
  const versions = config.versions.map(({ deployment, shadow }, index): VersionStatus => {
    const { answered, failed, refused, matched, latency } = totals[deployment] ?? noRequests();
    return {
      deployment,
      share: ((parts[index] ?? 0) * 100) / SLOTS,
      trouble: troubled[deployment] ?? "",
      answered,
      failed,
      refused,
      matched,
      p50Ms: quantileMs(latency, 0.5),
      p95Ms: quantileMs(latency, 0.95),
      shadow: shadow === undefined ? undefined : (copies[deployment] ?? noCopies()),
    };
  });
  return {
    model: config.model,
    stable: config.stable,
    versions,
    canary:
      canary === undefined
        ? undefined
        : {
            deployment: canary.subject.deployment,
            state: canary.kind,
            percent: percentOf(canary),
            reason: canary.reason,
          },
    history,
  };
}
