// What a trigger of KEDA asks for, out of its metadata.
//
// 1. Metadata is text from outside: each value is checked, and a refusal says what was found and what is wanted.
// 2. KEDA puts keys of its own beside ours (`scalerAddress`, …), more of them with each release: they are not ours to refuse.
//    A key that looks like a slip of ours is.

import { Type } from "typebox";
import { Check } from "typebox/value";
import { suggest } from "../../../runtime/base/config/index.ts";
import { ShoalError } from "../../../runtime/base/index.ts";

export const METRICS = ["ongoing_requests", "queued_requests", "desired_replicas"] as const;
export type Metric = (typeof METRICS)[number];

export interface Asked {
  readonly deployment: string;
  /** Undefined: that of the deployment. */
  readonly application: string | undefined;
  readonly metric: Metric;
  /** Of the metric, for one of what KEDA scales; undefined: the metric's own. */
  readonly target: number | undefined;
  /** What is averaged over, and how long a request keeps it active. */
  readonly windowMs: number;
}

const KEYS = ["deployment", "application", "metric", "target", "window_s"] as const;
const DEFAULT_WINDOW_S = 30;
/** Loads are kept for a quarter of an hour (`controller/autoscale`). */
const LONGEST_WINDOW_S = 900;
const LARGEST_TARGET = 1_000_000;
const LONGEST_QUOTE = 60;

const Ref = Type.Object({
  name: Type.String(),
  namespace: Type.String(),
  scalerMetadata: Type.Record(Type.String(), Type.String()),
});

const Request = Type.Object({ scaledObjectRef: Type.Unknown(), metricName: Type.String() });

/** Of a `ScaledObjectRef`. Throws INVALID_ARGUMENT. */
export function askedOf(ref: unknown): Asked {
  if (!Check(Ref, ref)) throw refusal("no ScaledObjectRef", "one with scalerMetadata");
  const metadata = new Map(Object.entries(ref.scalerMetadata));
  for (const key of metadata.keys()) refuseSlip(key);
  const deployment = metadata.get("deployment") ?? "";
  if (deployment === "") throw refusal("no deployment", "the name of one");
  return {
    deployment,
    application: metadata.get("application"),
    metric: metricOf(metadata.get("metric")),
    target: numberOf("target", metadata.get("target"), LARGEST_TARGET),
    windowMs: 1_000 * (numberOf("window_s", metadata.get("window_s"), LONGEST_WINDOW_S) ?? DEFAULT_WINDOW_S),
  };
}

/** The part of a `GetMetricsRequest` that says what is asked for, and the metric's name. Throws INVALID_ARGUMENT. */
export function metricsAskedOf(request: unknown): { readonly asked: Asked; readonly metricName: string } {
  if (!Check(Request, request)) throw refusal("no GetMetricsRequest", "one with a scaledObjectRef");
  return { asked: askedOf(request.scaledObjectRef), metricName: request.metricName };
}

/** By which KEDA and its autoscaler know the metric: they take letters, digits, _ and -. */
export function metricNameOf({ deployment, metric }: Asked): string {
  return `${deployment.replaceAll(/[^A-Za-z0-9_-]/g, "-")}-${metric}`;
}

export function refuseMetricName(found: string, wanted: string): never {
  throw refusal(`the metric ${quote(found)}`, quote(wanted));
}

/** Invariant 2. */
function refuseSlip(key: string): void {
  if (KEYS.some((known) => known === key)) return;
  const meant = suggest(key, KEYS);
  if (meant !== undefined) throw refusal(quote(key), meant);
}

function metricOf(found: string | undefined): Metric {
  if (found === undefined) return "ongoing_requests";
  const metric = METRICS.find((one) => one === found);
  if (metric === undefined) throw refusal(`metric ${quote(found)}`, METRICS.join(", "));
  return metric;
}

function numberOf(key: string, found: string | undefined, most: number): number | undefined {
  if (found === undefined) return undefined;
  const number = /^\d{1,9}(\.\d{1,6})?$/.test(found) ? Number(found) : Number.NaN;
  if (number > 0 && number <= most) return number;
  throw refusal(`${key} ${quote(found)}`, `a number above 0, at most ${most}`);
}

function refusal(found: string, wanted: string): ShoalError {
  const message = `Cannot scale by this scalerMetadata: found ${found}, wanted ${wanted}`;
  return new ShoalError("INVALID_ARGUMENT", message, { verbatim: true });
}

function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
