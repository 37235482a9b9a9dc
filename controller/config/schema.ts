// The shape of `shoal.yaml`: one schema for decoding and for the JSON Schema that editors read.

import { type Static, Type } from "typebox";
import { DEFAULTS } from "./defaults.ts";
import { Deployment } from "./schema-deployment.ts";
import { Traffic } from "./schema-traffic.ts";
import { AutoscalingPolicy } from "./schema-scaling.ts";
import { KedaOptions } from "./schema-keda.ts";
import { Bytes, Count, Host, Name, Port, Seconds, Section } from "./schema-values.ts";

const limits = DEFAULTS.limits;

const Limits = Section(
  {
    max_body_bytes: Type.Optional(
      Bytes({ description: "Largest request body, as sent.", default: limits.max_body_bytes }),
    ),
    max_decompressed_bytes: Type.Optional(
      Bytes({
        description: "Largest request body once decompressed; at least max_body_bytes.",
        default: limits.max_decompressed_bytes,
      }),
    ),
    max_tensors: Type.Optional(
      Count({
        description: "Input tensors of a request.",
        default: limits.max_tensors,
        minimum: 1,
        maximum: 65_536,
      }),
    ),
    max_elements: Type.Optional(
      Count({
        description: "Elements of all tensors of a request together.",
        default: limits.max_elements,
        minimum: 1,
        maximum: 2 ** 40,
      }),
    ),
    max_json_depth: Type.Optional(
      Count({
        description: "Lists and maps within each other in a JSON body.",
        default: limits.max_json_depth,
        minimum: 4,
        maximum: 512,
      }),
    ),
    max_header_bytes: Type.Optional(
      Bytes({
        description: "Header lines of a request together.",
        default: limits.max_header_bytes,
        minimum: 1024,
      }),
    ),
    max_open_requests: Type.Optional(
      Count({
        description: "Requests open at a time, over all connections; one more is refused at once with 503.",
        default: limits.max_open_requests,
        minimum: 1,
        maximum: 1_000_000,
      }),
    ),
    max_open_body_bytes: Type.Optional(
      Bytes({
        description:
          "Bodies of all open requests together, at least max_decompressed_bytes; one more is refused at once with 503. Bodies below 16 KiB do not count.",
        default: limits.max_open_body_bytes,
      }),
    ),
  },
  "What a request may cost before any work is done.",
);

const HttpOptions = Section(
  {
    host: Host(DEFAULTS.http.host),
    port: Port(DEFAULTS.http.port),
    processes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 256,
        description: "Gateway processes that share the port; 1: the server's own process is the gateway.",
        default: DEFAULTS.http.processes,
      }),
    ),
    request_timeout_s: Type.Optional(
      Seconds({
        description: "Longest a request may take, in seconds, from its arrival to its answer.",
        default: DEFAULTS.http.request_timeout_s,
      }),
    ),
    keep_alive_timeout_s: Type.Optional(
      Seconds({
        description: "Seconds that an idle connection stays open.",
        default: DEFAULTS.http.keep_alive_timeout_s,
      }),
    ),
    limits: Type.Optional(Limits),
  },
  "The listener for requests.",
);

const AdminOptions = Section(
  { host: Host(DEFAULTS.admin.host), port: Port(DEFAULTS.admin.port) },
  "The listener for status and control.",
);

/** Ray's levels, in its capitals, and ours. */
export const LOG_LEVELS = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  fatal: "fatal",
  silent: "silent",
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warn",
  ERROR: "error",
  CRITICAL: "fatal",
} as const;

type LevelName = keyof typeof LOG_LEVELS;
const LEVEL_NAMES = [
  "trace",
  "debug",
  "info",
  "warn",
  "error",
  "fatal",
  "silent",
  "DEBUG",
  "INFO",
  "WARNING",
  "ERROR",
  "CRITICAL",
] as const satisfies readonly LevelName[];

const LoggingConfig = Section(
  {
    log_level: Type.Optional(
      Type.Enum([...LEVEL_NAMES], {
        description: "The least that is logged.",
        default: DEFAULTS.logging.log_level,
      }),
    ),
  },
  "What is logged, on standard error.",
);

const Application = Section(
  {
    name: Type.Optional(
      Name({ description: "Name of the application; unique.", default: DEFAULTS.application.name }),
    ),
    route_prefix: Type.Optional(
      Type.String({
        description: 'Path under which the application answers; unique, without a "/" at the end.',
        default: DEFAULTS.application.route_prefix,
        maxLength: 1024,
        pattern: "^/(?:(?!\\.{1,2}(?:/|$))[A-Za-z0-9._~\\-]+(?:/(?!\\.{1,2}(?:/|$))[A-Za-z0-9._~\\-]+)*)?$",
        "x-wanted":
          '"/", or a path that starts with "/", does not end with "/" and has only letters, digits and . _ ~ -',
      }),
    ),
    ingress: Type.Optional(
      Name({ description: "Name of the deployment that answers the route. Default: the first." }),
    ),
    request_timeout_s: Type.Optional(
      Seconds({
        description:
          "Longest a request to the application's route may take, in seconds. Default: only the deployment's own bound.",
      }),
    ),
    external_scaler_enabled: Type.Optional(
      Type.Boolean({
        description:
          "Whether the admin listener takes numbers of replicas for its deployments, in place of num_replicas.",
        default: false,
      }),
    ),
    autoscaling_policy: Type.Optional(AutoscalingPolicy),
    deployments: Type.Array(Deployment, { minItems: 1, description: "What the application is made of." }),
    traffic: Type.Optional(Traffic),
  },
  "One or more deployments behind one route.",
);

export const ServeFile = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: "Where editors find the JSON Schema of this file." })),
    applications: Type.Array(Application, { minItems: 1, description: "What is served." }),
    http_options: Type.Optional(HttpOptions),
    admin_options: Type.Optional(AdminOptions),
    keda_options: Type.Optional(KedaOptions),
    logging_config: Type.Optional(LoggingConfig),
  },
  { additionalProperties: false, title: "shoal.yaml", description: "What Shoal serves, and where." },
);

export type ServeFile = Static<typeof ServeFile>;
export type ApplicationFile = Static<typeof Application>;
export type HttpOptionsFile = Static<typeof HttpOptions>;
