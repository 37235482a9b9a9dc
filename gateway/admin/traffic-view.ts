// An application's traffic in the status, in the words of its config.

import type { TrafficStatus } from "../../controller/index.ts";

export interface TrafficView {
  /** V2 model name of the versions together. */
  readonly model: string | null;
  readonly stable: string;
  readonly versions: readonly TrafficVersionView[];
  readonly canary: {
    readonly deployment: string;
    readonly status: string;
    /** Of the stable version's weight. */
    readonly percent: number;
    readonly message: string;
  } | null;
  /** Oldest first. */
  readonly history: readonly {
    readonly time: string;
    readonly deployment: string;
    readonly change: string;
    readonly reason: string;
  }[];
}

interface TrafficVersionView {
  readonly deployment: string;
  /** Percent of the requests that no rule matches. */
  readonly share: number;
  /** Why the stable version answers in its place; empty when it answers itself. */
  readonly message: string;
  /** Of the requests that its share gave it. */
  readonly requests: { readonly answered: number; readonly failed: number; readonly refused: number };
  /** Requests that a `match` sent here. */
  readonly matched_requests: number;
  readonly latency_ms: { readonly p50: number | null; readonly p95: number | null };
  /** Null for one that is no shadow. */
  readonly shadow: {
    readonly same: number;
    readonly different: number;
    readonly failed: number;
    readonly skipped: number;
    readonly last_differences: readonly { readonly time: string; readonly message: string }[];
  } | null;
}

export function trafficView({ model, stable, versions, canary, history }: TrafficStatus): TrafficView {
  return {
    model: model ?? null,
    stable,
    versions: versions.map(versionView),
    canary:
      canary === undefined
        ? null
        : {
            deployment: canary.deployment,
            status: canary.state,
            percent: canary.percent,
            message: canary.reason,
          },
    history: history.map(({ epochMs, deployment, change, reason }) => ({
      time: timeOf(epochMs),
      deployment,
      change,
      reason,
    })),
  };
}

function versionView(version: TrafficStatus["versions"][number]): TrafficVersionView {
  const { deployment, share, trouble, answered, failed, refused, matched, p50Ms, p95Ms, shadow } = version;
  return {
    deployment,
    share,
    message: trouble,
    requests: { answered, failed, refused },
    matched_requests: matched,
    latency_ms: { p50: rounded(p50Ms), p95: rounded(p95Ms) },
    shadow:
      shadow === undefined
        ? null
        : {
            same: shadow.same,
            different: shadow.different,
            failed: shadow.failed,
            skipped: shadow.skipped,
            last_differences: shadow.differences.map(({ epochMs, what }) => ({
              time: timeOf(epochMs),
              message: what,
            })),
          },
  };
}

function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** To three digits: the buckets they come from are 4 % wide. */
function rounded(milliseconds: number | undefined): number | null {
  return milliseconds === undefined ? null : Number(milliseconds.toPrecision(3));
}
