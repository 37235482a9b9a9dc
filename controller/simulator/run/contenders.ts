// Contenders by a short text: `shoal`, `ray-tuned+ray:8`, `shoal+slo`, `triton+knative:16`, `shoal+oracle`: a system, and after
// the plus how its replicas are counted; a number is the policy's target of requests ongoing per replica.

import { ShoalError } from "../../../runtime/base/index.ts";
import {
  type AutoscalingPolicy,
  HpaPolicy,
  KnativePolicy,
  RayPolicy,
  type ReplicaBounds,
  SloPolicy,
} from "../../autoscale/index.ts";
import { SYSTEMS } from "../systems/catalogue.ts";
import type { Contender, Scenario, ScalingRule } from "./scenario.ts";

const RAY_FAST = {
  upscaleDelayMs: 5_000,
  downscaleDelayMs: 60_000,
  lookBackPeriodMs: 10_000,
  metricsIntervalMs: 2_000,
} as const;

/** By name; `target` is requests ongoing per replica, each policy's own default when not given. */
const POLICIES: Readonly<
  Record<string, (target: number | undefined) => (scenario: Scenario) => AutoscalingPolicy>
> = {
  slo:
    () =>
    ({ objectiveMs }) =>
      new SloPolicy({ objectiveMs }),
  ray: (target) => () => new RayPolicy(target === undefined ? {} : { targetOngoingRequests: target }),
  "ray-fast": (target) => () => new RayPolicy({ ...RAY_FAST, targetOngoingRequests: target ?? 2 }),
  // Utilisation 1: the target is what is aimed at.
  knative: (target) => () =>
    new KnativePolicy(target === undefined ? {} : { containerConcurrency: target, targetUtilisation: 1 }),
  hpa: (target) => () => new HpaPolicy({ targetOngoingRequests: target ?? 2 }),
};

/** They go by the objective. */
const TARGETLESS: ReadonlySet<string> = new Set(["slo", "oracle"]);
const POLICY_NAMES = [...Object.keys(POLICIES), "oracle"];

export interface ContenderDefaults {
  readonly replicas: number;
  readonly bounds: ReplicaBounds;
}

export function parseContender(text: string, { replicas, bounds }: ContenderDefaults): Contender {
  const [systemName = "", scalingText] = text.split("+");
  const system = Object.hasOwn(SYSTEMS, systemName) ? SYSTEMS[systemName] : undefined;
  if (system === undefined) {
    throw new ShoalError(
      "INVALID_CONFIG",
      `Cannot simulate "${text}": there is no system "${systemName}", wanted one of ${Object.keys(SYSTEMS).join(", ")}`,
    );
  }
  const scaling: ScalingRule =
    scalingText === undefined ? { kind: "fixed", replicas } : parseScaling(text, scalingText, bounds);
  return { name: text, system: system(), scaling };
}

function parseScaling(text: string, scaling: string, bounds: ReplicaBounds): ScalingRule {
  const [name = "", number] = scaling.split(":");
  if (number !== undefined && TARGETLESS.has(name)) {
    throw new ShoalError("INVALID_CONFIG", `Cannot simulate "${text}": ${name} has no target`);
  }
  if (name === "oracle") return { kind: "oracle", bounds };
  const policy = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
  if (policy === undefined) {
    throw new ShoalError(
      "INVALID_CONFIG",
      `Cannot simulate "${text}": there is no policy "${name}", wanted one of ${POLICY_NAMES.join(", ")}`,
    );
  }
  const target = number === undefined ? undefined : Number(number);
  if (target !== undefined && !(target > 0)) {
    throw new ShoalError(
      "INVALID_CONFIG",
      `Cannot simulate "${text}": found the target "${number}", wanted requests per replica above 0`,
    );
  }
  return { kind: "policy", make: policy(target), bounds };
}
