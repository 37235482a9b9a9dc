// KEDA's `ExternalScaler`, answered out of what a deployment is asked and how many replicas it is to have. It only tells: how
// many there are of what KEDA scales is KEDA's to decide.
//
// 1. A request keeps its deployment active for the window, however short it was: KEDA looks every half minute.
// 2. More is told at once, less when the window has gone by.

import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { Controller, DemandWatch } from "../../../controller/index.ts";
import { ShoalError } from "../../../runtime/base/index.ts";
import type { Logger } from "../../../runtime/base/log/index.ts";
import { type Feeds, unary } from "../calls.ts";
import { type Asked, askedOf, metricNameOf, metricsAskedOf, refuseMetricName } from "./asked.ts";

export interface ExternalScalerOptions {
  readonly controller: Controller;
  readonly demand: DemandWatch;
  readonly feeds: Feeds;
  readonly log: Logger;
}

type Deployment = ReturnType<Controller["deployments"]>[number];

/** Ray Serve's `target_ongoing_requests`. */
const DEFAULT_TARGET = 2;

/** By the names of the .proto. */
export function externalScaler(options: ExternalScalerOptions): UntypedServiceImplementation {
  const { feeds, log } = options;
  const active = (request: unknown): (() => object) => {
    const asked = askedOf(request);
    return () => ({ result: isActive(asked, options) });
  };
  const spec = (request: unknown): (() => object) => {
    const asked = askedOf(request);
    return () => ({ metricSpecs: [specOf(asked, options)] });
  };
  return {
    IsActive: unary((request) => active(request)(), log),
    StreamIsActive: feeds.method(active),
    GetMetricSpec: unary((request) => spec(request)(), log),
    StreamMetricSpec: feeds.method(spec),
    GetMetrics: unary((request) => {
      const { asked, metricName } = metricsAskedOf(request);
      const value = valueOf(asked, options);
      const name = metricNameOf(asked);
      if (metricName !== name) refuseMetricName(metricName, name);
      return { metricValues: [{ metricName: name, metricValue: Math.ceil(value), metricValueFloat: value }] };
    }, log),
  };
}

/** Requests wait or run, or came within the window; by `desired_replicas` also when any are wanted. */
function isActive(asked: Asked, options: ExternalScalerOptions): boolean {
  const deployment = deploymentOf(asked, options);
  const { desired, open } = deployment;
  if (asked.metric === "desired_replicas" && desired.numReplicas > 0) return true;
  const load = options.demand.of(deployment);
  return open > 0 || (load !== undefined && load.requestsPerSecond(asked.windowMs) > 0); // invariant 1
}

function specOf(asked: Asked, options: ExternalScalerOptions): object {
  const { config } = deploymentOf(asked, options);
  const perReplica = config.scaling?.targetOngoingRequests ?? DEFAULT_TARGET;
  const target = asked.target ?? (asked.metric === "desired_replicas" ? 1 : perReplica);
  return {
    metricName: metricNameOf(asked),
    targetSize: Math.max(1, Math.round(target)),
    targetSizeFloat: target,
  };
}

function valueOf(asked: Asked, options: ExternalScalerOptions): number {
  const deployment = deploymentOf(asked, options);
  const { desired, open, queued } = deployment;
  switch (asked.metric) {
    case "desired_replicas":
      return desired.numReplicas;
    case "queued_requests":
      return queued;
    case "ongoing_requests":
      return Math.max(open, options.demand.of(deployment)?.meanOngoing(asked.windowMs) ?? 0); // invariant 2
  }
}

/** Throws NOT_FOUND. */
function deploymentOf({ deployment, application }: Asked, { controller }: ExternalScalerOptions): Deployment {
  const owner = controller.config.applications.find(({ deployments }) =>
    deployments.some(({ name }) => name === deployment),
  );
  const found = controller.deployment(deployment);
  if (
    owner === undefined ||
    found === undefined ||
    (application !== undefined && owner.name !== application)
  ) {
    const where = application === undefined ? "" : ` in the application "${application.slice(0, 128)}"`;
    const message = `Cannot find a deployment "${deployment.slice(0, 128)}"${where}`;
    throw new ShoalError("NOT_FOUND", message, { verbatim: true });
  }
  return found;
}
