// Where a deployment's replicas may be, and when one of them gets no requests, in `shoal.yaml`.

import { Type } from "typebox";
import { DEFAULTS } from "./defaults.ts";
import { Bytes, Count, Seconds, Section } from "./schema-values.ts";

const { outliers } = DEFAULTS;

export const STRATEGIES = ["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"] as const;

export const MaxReplicasPerNode = Count({
  description:
    "Replicas that one node may have; more wait. A rollout starts new ones beside the old: where that finds no room, see rolling_update_when_short. Default: no bound.",
  minimum: 1,
  maximum: 100,
});

export const PlacementGroupBundles = Type.Array(
  Type.Record(
    Type.String({ pattern: "^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$" }),
    Type.Union(
      [Type.Number({ minimum: 0, maximum: 1_000_000 }), Bytes({ description: "Bytes, of memory." })],
      {
        "x-wanted": 'a number of units from 0; of memory, bytes or text such as "2GiB"',
      },
    ),
    {
      description: "Units by resource: CPU, GPU, memory, and names of your own.",
      additionalProperties: false,
    },
  ),
  {
    description:
      "Resources that are reserved together for each replica, as Ray Serve has it; the replica itself runs in the first bundle, and what it asks for is out of that.",
    minItems: 1,
    maxItems: 100,
  },
);

export const PlacementGroupStrategy = Type.Enum([...STRATEGIES], {
  description:
    "How the bundles lie on nodes: PACK on few, SPREAD on many, STRICT_PACK on one, STRICT_SPREAD each on a node of its own.",
  default: DEFAULTS.placement_group_strategy,
});

export const OutlierDetection = Section(
  {
    enabled: Type.Optional(
      Type.Boolean({ description: "Whether replicas are ejected at all.", default: outliers.enabled }),
    ),
    consecutive_failures: Type.Optional(
      Count({
        description: "Failures in a row that eject a replica; of slow answers it takes twice as many.",
        default: outliers.consecutive_failures,
        minimum: 1,
        maximum: 10_000,
      }),
    ),
    min_requests: Type.Optional(
      Count({
        description:
          "Results of the last half minute that a replica and the others must have before their shares of failures are compared.",
        default: outliers.min_requests,
        minimum: 1,
        maximum: 1_000_000,
      }),
    ),
    max_latency_ratio: Type.Optional(
      Type.Number({
        description: "An answer that takes more than so many times what it should is slow.",
        default: outliers.max_latency_ratio,
        exclusiveMinimum: 1,
        maximum: 1000,
        "x-wanted": "a number above 1, at most 1000",
      }),
    ),
    base_ejection_s: Type.Optional(
      Seconds({
        description: "How long the first ejection lasts, in seconds; each further one twice as long.",
        default: outliers.base_ejection_s,
      }),
    ),
    max_ejection_s: Type.Optional(
      Seconds({ description: "Longest ejection, in seconds.", default: outliers.max_ejection_s }),
    ),
    max_ejected_share: Type.Optional(
      Type.Number({
        description:
          "Share of the replicas that may be ejected at a time. One always may, but never the last that can be used.",
        default: outliers.max_ejected_share,
        minimum: 0,
        maximum: 1,
      }),
    ),
    replace_after: Type.Optional(
      Count({
        description: "Ejections after which another replica takes its place.",
        default: outliers.replace_after,
        minimum: 1,
        maximum: 1000,
      }),
    ),
  },
  "When a replica whose results are worse than those of the others gets no requests for a while.",
);
