// The policy that a config asks for, with what it has running.

import type { Logger } from "../../runtime/base/log/index.ts";
import {
  type AutoscalingPolicy,
  HpaPolicy,
  KnativePolicy,
  RayDelay,
  RayPolicy,
  SloPolicy,
  UserPolicy,
} from "../autoscale/index.ts";
import type { ScalingConfig } from "../config/index.ts";
import type { ApplicationMember, ApplicationPolicies } from "./application-policies.ts";
import { policyThreadOf } from "./policy-thread-of.ts";

/** Of one deployment. */
export interface PolicySettings {
  readonly application: string;
  readonly deployment: string;
  readonly scaling: ScalingConfig;
  /** From arrival to answer, in milliseconds; undefined when there is none. */
  readonly objectiveMs: number | undefined;
  /** The user's function has answered. */
  readonly wake: () => void;
}

/** A policy, and what it has running. */
export interface RunningPolicy extends AsyncDisposable {
  readonly policy: AutoscalingPolicy;
}

/** Ray's. */
const DEFAULT_TARGET = 2;

export function policyOf(settings: PolicySettings, shared: ApplicationPolicies): RunningPolicy {
  const { scaling, objectiveMs } = settings;
  const { policy, targetOngoingRequests = DEFAULT_TARGET, attainment, keepAliveMs } = scaling;
  switch (policy) {
    case "slo":
      return still(
        new SloPolicy({
          // The rules of the config see to it that there is one.
          objectiveMs: objectiveMs ?? Number.POSITIVE_INFINITY,
          ...(attainment === undefined ? {} : { attainment }),
          ...(keepAliveMs === undefined ? {} : { keepAliveMs }),
        }),
      );
    case "ray":
      return still(new RayPolicy({ ...scaling, targetOngoingRequests }));
    case "knative":
      return still(new KnativePolicy({ containerConcurrency: targetOngoingRequests, targetUtilisation: 1 }));
    case "hpa":
      return still(new HpaPolicy({ targetOngoingRequests }));
    default:
      return policy.scope === "application"
        ? shared.join(policy, memberOf(settings))
        : userPolicy(policy, settings, shared.log);
  }
}

function userPolicy(
  source: Exclude<ScalingConfig["policy"], string>,
  settings: PolicySettings,
  log: Logger,
): RunningPolicy {
  const { application, deployment } = settings;
  const thread = policyThreadOf(source, { application, deployment }, log);
  const policy = new UserPolicy({ ...memberOf(settings), call: thread.call });
  return { policy, [Symbol.asyncDispose]: () => thread.close() };
}

/** What a user's function has of one deployment. */
function memberOf({ application, deployment, scaling, wake }: PolicySettings): ApplicationMember {
  const { upscaleDelayMs, downscaleDelayMs, downscaleToZeroDelayMs, lookBackPeriodMs } = scaling;
  const delayed = upscaleDelayMs !== undefined || downscaleDelayMs !== undefined;
  const downMs = downscaleDelayMs ?? 0;
  const delays = {
    upscaleDelayMs: upscaleDelayMs ?? 0,
    downscaleDelayMs: downMs,
    downscaleToZeroDelayMs: downscaleToZeroDelayMs ?? downMs,
  };
  return {
    deploymentName: deployment,
    appName: application,
    wake,
    ...(lookBackPeriodMs === undefined ? {} : { lookBackMs: lookBackPeriodMs }),
    ...(delayed ? { delay: new RayDelay(delays) } : {}),
  };
}

/** One that has nothing running. */
function still(policy: AutoscalingPolicy): RunningPolicy {
  return { policy, [Symbol.asyncDispose]: async () => undefined };
}
