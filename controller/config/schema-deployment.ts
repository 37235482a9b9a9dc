// One deployment in `shoal.yaml`.

import { type Static, Type } from "typebox";
import { DEFAULTS } from "./defaults.ts";
import { Hedging, Tenants } from "./schema-dispatch.ts";
import { OnnxEngineOptions } from "./schema-engine.ts";
import {
  MaxReplicasPerNode,
  OutlierDetection,
  PlacementGroupBundles,
  PlacementGroupStrategy,
} from "./schema-placement.ts";
import { AutoscalingConfig } from "./schema-scaling.ts";
import { Bytes, Count, Name, Path, Seconds, SecondsOrZero, Section } from "./schema-values.ts";

const { deployment, resources, batching } = DEFAULTS;
const MANY = 1_000_000;

const Units = (description: string, value?: number) =>
  Type.Optional(
    Type.Number({
      description,
      ...(value === undefined ? {} : { default: value }),
      minimum: 0,
      maximum: MANY,
    }),
  );

const Custom = Type.Optional(
  Type.Record(
    Type.String({ pattern: "^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$" }),
    Type.Number({ minimum: 0, maximum: MANY }),
    {
      additionalProperties: false,
      description: "Units of resources that nodes declare by name.",
    },
  ),
);

const shared = {
  num_cpus: Units(
    "CPUs of one replica; fractions allowed, to 1/10,000. Also the engine's threads.",
    resources.num_cpus,
  ),
  num_gpus: Units("GPUs of one replica; fractions allowed, to 1/10,000.", resources.num_gpus),
  memory: Type.Optional(
    Bytes({
      description:
        'Memory of one replica, in bytes or as text such as "2GiB"; one that outgrows it is replaced. 0 asks for nothing.',
      default: resources.memory,
      minimum: 0,
    }),
  ),
};

const Resources = Section({ ...shared, custom: Custom }, "What one replica is given.");
const RayActorOptions = Section(
  { ...shared, resources: Custom },
  "Ray Serve's name for `resources`; give one of the two.",
);

const Batching = Section(
  {
    max_batch_size: Type.Optional(
      Count({
        description: "Largest batch, in rows. Default: 32 for a model, 1 for a module.",
        minimum: 1,
        maximum: 65_536,
      }),
    ),
    batch_wait_timeout_s: Type.Optional(
      SecondsOrZero({
        description:
          "How long a batch that is not full may wait for more, in seconds, when no replica is idle.",
        default: batching.batch_wait_timeout_s,
      }),
    ),
    max_concurrent_batches: Type.Optional(
      Count({
        description: "Batches that one replica may have at a time. Default: chosen by Shoal.",
        minimum: 1,
        maximum: 1024,
      }),
    ),
  },
  "How requests are joined into batches.",
);

export const Deployment = Type.Object(
  {
    name: Name({ description: "Name of the deployment and of its V2 model; unique in the file." }),
    version: Type.Optional(
      Type.Union(
        [Type.String({ pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$" }), Type.Integer({ minimum: 0 })],
        {
          description: "Version of the V2 model.",
          default: deployment.version,
          "x-wanted": 'a version such as "1" or "2.0.1"',
        },
      ),
    ),
    model: Type.Optional(
      Path({
        description: "Model file, relative to this file; its ending says which engine runs it (.onnx).",
      }),
    ),
    module: Type.Optional(
      Path({
        description:
          'TypeScript or JavaScript module, relative to this file, with the class to serve: "./text.ts:Text", or "./text.ts" for the only class it exports, else its default export.',
      }),
    ),
    engine: Type.Optional(
      Type.Enum(["onnx", "module"], { description: "The engine, where the file's ending does not tell." }),
    ),
    engine_options: Type.Optional(OnnxEngineOptions),
    num_replicas: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 1024 }), Type.Literal("auto")], {
        description: "Replicas, each a process; auto: by load, within the bounds of autoscaling_config.",
        default: deployment.num_replicas,
        "x-wanted": "a whole number from 1 to 1024, or auto",
      }),
    ),
    max_ongoing_requests: Type.Optional(
      Count({
        description:
          "Requests that one replica may have at a time. Default: room for two full batches, for a module at least 5.",
        minimum: 1,
        maximum: MANY,
      }),
    ),
    max_queued_requests: Type.Optional(
      Type.Integer({
        description: "Requests that may wait for a replica; one more is refused at once with 429.",
        default: deployment.max_queued_requests,
        minimum: 1,
        maximum: MANY,
        "x-wanted": `a whole number from 1 to ${MANY}; every queue has a bound`,
      }),
    ),
    user_config: Type.Optional(
      Type.Unknown({
        description: "Any value; given to the module at its start and, when it changes, to reconfigure.",
      }),
    ),
    request_timeout_s: Type.Optional(
      Seconds({ description: "Longest a request may take, in seconds. Default: that of http_options." }),
    ),
    health_check_period_s: Type.Optional(
      Seconds({ description: "Seconds between health checks.", default: deployment.health_check_period_s }),
    ),
    health_check_timeout_s: Type.Optional(
      Seconds({
        description: "Seconds without an answer after which a replica is replaced.",
        default: deployment.health_check_timeout_s,
      }),
    ),
    graceful_shutdown_timeout_s: Type.Optional(
      SecondsOrZero({
        description: "Seconds that a replica may take to finish its requests before it is ended.",
        default: deployment.graceful_shutdown_timeout_s,
      }),
    ),
    max_constructor_retry_count: Type.Optional(
      Count({
        description: "How often a replica's start may fail before the deployment is given up.",
        default: deployment.max_constructor_retry_count,
        minimum: 1,
        maximum: 1000,
      }),
    ),
    rolling_update_percentage: Type.Optional(
      Type.Number({
        description:
          "Share of the replicas, at least one of them, that a rollout starts beyond their number and replaces at a time.",
        default: deployment.rolling_update_percentage,
        exclusiveMinimum: 0,
        maximum: 1,
        "x-wanted": "a share above 0, at most 1",
      }),
    ),
    min_ready_s: Type.Optional(
      SecondsOrZero({
        description:
          "Seconds a new replica must run and be well before a rollout relies on it and ends an old one.",
        default: deployment.min_ready_s,
      }),
    ),
    rolling_update_when_short: Type.Optional(
      Type.Enum(["wait", "stop_old"], {
        description:
          "When there is no room for new replicas beside the old ones: wait for room, or end old ones first.",
        default: deployment.rolling_update_when_short,
      }),
    ),
    resources: Type.Optional(Resources),
    ray_actor_options: Type.Optional(RayActorOptions),
    max_replicas_per_node: Type.Optional(MaxReplicasPerNode),
    placement_group_bundles: Type.Optional(PlacementGroupBundles),
    placement_group_strategy: Type.Optional(PlacementGroupStrategy),
    batching: Type.Optional(Batching),
    autoscaling_config: Type.Optional(AutoscalingConfig),
    tenants: Type.Optional(Tenants),
    hedging: Type.Optional(Hedging),
    outlier_detection: Type.Optional(OutlierDetection),
    idempotent: Type.Optional(
      Type.Boolean({
        description:
          "For a module: whether a request may run again when its replica died. Models always may.",
        default: deployment.idempotent,
      }),
    ),
  },
  {
    additionalProperties: false,
    description: "One model or one module, and how it is served.",
    oneOf: [{ required: ["model"] }, { required: ["module"] }],
  },
);

export type TenantsFile = Static<typeof Tenants>;
export type DeploymentFile = Static<typeof Deployment>;
export type ResourcesFile = Static<typeof Resources> & Static<typeof RayActorOptions>;
