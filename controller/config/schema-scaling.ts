// `autoscaling_config` in `shoal.yaml`: Ray Serve's names, and ours for what Ray has not.

import { type Static, Type } from "typebox";
import { Count, SecondsOrZero, Section } from "./schema-values.ts";

/** The policies that come along. */
export const SCALING_POLICIES = ["slo", "ray", "knative", "hpa"] as const;

/** As in Ray Serve, where `num_replicas` is `auto`. */
export const AUTO_MAX_REPLICAS = 100;

const MOST_REPLICAS = 1024;
const MANY = 1_000_000;

const Factor = (description: string) =>
  Type.Optional(Type.Number({ description, exclusiveMinimum: 0, maximum: 100 }));

export const AutoscalingConfig = Section(
  {
    latency_slo_ms: Type.Optional(
      Type.Number({
        description:
          "From arrival to answer, in milliseconds. With it batches are as large as they must be to keep it, and what cannot be answered in time is refused instead of answered late. Default: none.",
        exclusiveMinimum: 0,
        maximum: 86_400_000,
        "x-wanted": "milliseconds above 0",
      }),
    ),
    slo_attainment: Type.Optional(
      Type.Number({
        description: "Share of requests to be answered within latency_slo_ms. Default 0.99.",
        exclusiveMinimum: 0,
        maximum: 0.9999,
        "x-wanted": "a share above 0, at most 0.9999",
      }),
    ),
    min_replicas: Type.Optional(
      Count({
        description: "Fewest replicas; 0: none while nobody asks. Default 1.",
        minimum: 0,
        maximum: MOST_REPLICAS,
      }),
    ),
    max_replicas: Type.Optional(
      Count({
        description: `Most replicas. Default: ${AUTO_MAX_REPLICAS} with num_replicas: auto, else 1.`,
        minimum: 1,
        maximum: MOST_REPLICAS,
      }),
    ),
    initial_replicas: Type.Optional(
      Count({
        description: "Replicas to begin with. Default: min_replicas.",
        minimum: 0,
        maximum: MOST_REPLICAS,
      }),
    ),
    policy: Type.Optional(
      Type.String({
        description:
          'What decides: slo (Shoal\'s, by latency_slo_ms), ray, knative, hpa, or a function of a module, "./scale.ts:decide". Default: slo with latency_slo_ms, else ray.',
        minLength: 1,
        maxLength: 4096,
      }),
    ),
    target_ongoing_requests: Type.Optional(
      Type.Number({
        description:
          "Requests queued and running per replica to aim at; for ray, knative and hpa. Default 2.",
        exclusiveMinimum: 0,
        maximum: MANY,
        "x-wanted": "a number above 0",
      }),
    ),
    keep_alive_s: Type.Optional(
      SecondsOrZero({
        description:
          "Longest that the last replica stays with nothing to do when min_replicas is 0. Default 600.",
      }),
    ),
    metrics_interval_s: Type.Optional(
      SecondsOrZero({ description: "For ray: how often its load is reported. Default 10." }),
    ),
    look_back_period_s: Type.Optional(
      SecondsOrZero({ description: "For ray: what its load is averaged over. Default 30." }),
    ),
    aggregation_function: Type.Optional(
      Type.Enum(["mean", "max", "min"], { description: "For ray. Default mean." }),
    ),
    upscale_delay_s: Type.Optional(
      SecondsOrZero({ description: "For ray and a module: how long more must be wanted. Default 30." }),
    ),
    downscale_delay_s: Type.Optional(
      SecondsOrZero({ description: "For ray and a module: how long fewer must be wanted. Default 600." }),
    ),
    downscale_to_zero_delay_s: Type.Optional(
      SecondsOrZero({ description: "Of the step from one to none. Default: downscale_delay_s." }),
    ),
    upscaling_factor: Factor("For ray: gain on a step up. Default 1."),
    downscaling_factor: Factor("For ray: gain on a step down. Default 1."),
  },
  "How many replicas there are, and what they are to achieve.",
);

export const AutoscalingPolicy = Section(
  {
    policy_function: Type.String({
      description:
        'Function of a module, "./scale.ts:decide": it is told of all deployments that load decides about, and answers for them.',
      minLength: 1,
      maxLength: 4096,
    }),
  },
  "One rule for all deployments of the application that have bounds of replicas, in place of one each.",
);

export type AutoscalingPolicyFile = Static<typeof AutoscalingPolicy>;
export type AutoscalingFile = Static<typeof AutoscalingConfig>;
