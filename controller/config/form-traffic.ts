// An application's `traffic` from the form of the file to the one that the rest works with, and back.

import { DEFAULTS } from "./defaults.ts";
import type { TrafficFile } from "./schema-traffic.ts";
import type { MatchConfig, StickyConfig, TrafficConfig, VersionConfig } from "./types-traffic.ts";

type VersionFile = TrafficFile["versions"][number];

const { canary, shadow, sticky } = DEFAULTS.traffic;

/** `stable` is the application's ingress. */
export function trafficOf(file: TrafficFile, stable: string): TrafficConfig {
  return {
    model: file.model,
    stable,
    versions: file.versions.map(versionOf),
    sticky: stickyOf(file.sticky),
  };
}

function versionOf(file: VersionFile): VersionConfig {
  return {
    deployment: file.deployment,
    weight: file.weight ?? 0,
    match: (file.match ?? []).map(
      ({ headers = {}, cookies = {} }): MatchConfig => ({
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
        cookies,
      }),
    ),
    canary: file.canary === undefined ? undefined : canaryOf(file.canary),
    shadow: file.shadow === undefined ? undefined : shadowOf(file.shadow),
  };
}

function canaryOf(file: NonNullable<VersionFile["canary"]>): VersionConfig["canary"] {
  const filled = { ...canary, ...file };
  return {
    steps: filled.steps,
    intervalMs: Math.round(filled.interval_s * 1e9) / 1e6,
    minRequests: filled.min_requests,
    maxErrorRate: filled.max_error_rate,
    maxLatencyRatio: filled.max_latency_ratio,
  };
}

function shadowOf(file: NonNullable<VersionFile["shadow"]>): VersionConfig["shadow"] {
  const filled = { ...shadow, ...file };
  return {
    percent: filled.percent,
    relativeTolerance: filled.relative_tolerance,
    absoluteTolerance: filled.absolute_tolerance,
    maxOngoingRequests: filled.max_ongoing_requests,
  };
}

function stickyOf(file: TrafficFile["sticky"]): StickyConfig {
  if (file?.header !== undefined) return { kind: "header", name: file.header.toLowerCase() };
  if (file?.cookie === undefined) return { kind: "none" };
  const maxAgeMs = Math.round((file.max_age_s ?? sticky.max_age_s) * 1e9) / 1e6;
  return { kind: "cookie", name: file.cookie, maxAgeMs };
}

/** Every default spelled out; decoding it gives the same config again. */
export function trafficForm({ model, versions, sticky }: TrafficConfig): TrafficFile {
  return {
    ...(model === undefined ? {} : { model }),
    versions: versions.map(versionForm),
    ...(sticky.kind === "none" ? {} : { sticky: stickyForm(sticky) }),
  };
}

function versionForm({ deployment, weight, match, canary, shadow }: VersionConfig): VersionFile {
  return {
    deployment,
    weight,
    ...(match.length === 0 ? {} : { match: match.map(({ headers, cookies }) => ({ headers, cookies })) }),
    ...(canary === undefined
      ? {}
      : {
          canary: {
            steps: [...canary.steps],
            interval_s: canary.intervalMs / 1000,
            min_requests: canary.minRequests,
            max_error_rate: canary.maxErrorRate,
            max_latency_ratio: canary.maxLatencyRatio,
          },
        }),
    ...(shadow === undefined
      ? {}
      : {
          shadow: {
            percent: shadow.percent,
            relative_tolerance: shadow.relativeTolerance,
            absolute_tolerance: shadow.absoluteTolerance,
            max_ongoing_requests: shadow.maxOngoingRequests,
          },
        }),
  };
}

function stickyForm(sticky: Exclude<StickyConfig, { kind: "none" }>): NonNullable<TrafficFile["sticky"]> {
  if (sticky.kind === "header") return { header: sticky.name };
  return { cookie: sticky.name, max_age_s: sticky.maxAgeMs / 1000 };
}
