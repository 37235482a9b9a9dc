// The documents of the V2 routes for OpenAPI. They describe; checking is done where requests are decoded, by hand,
// because that is the hot path.

import { type TObject, Type } from "typebox";
import { DATATYPES } from "../../runtime/base/index.ts";

const Parameters = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]));
const DatatypeName = Type.Enum(Object.keys(DATATYPES));
const Shape = Type.Array(Type.Integer());

const TensorSpec = Type.Object({ name: Type.String(), datatype: DatatypeName, shape: Shape });
const TensorData = Type.Object({
  name: Type.String(),
  datatype: DatatypeName,
  shape: Shape,
  parameters: Type.Optional(Parameters),
  data: Type.Optional(
    Type.Array(Type.Unknown(), { description: "Flat or nested, row-major; absent when binary." }),
  ),
});
const InferRequest = Type.Object({
  id: Type.Optional(Type.String()),
  parameters: Type.Optional(Parameters),
  inputs: Type.Array(TensorData),
  outputs: Type.Optional(
    Type.Array(Type.Object({ name: Type.String(), parameters: Type.Optional(Parameters) })),
  ),
});
const InferResponse = Type.Object({
  model_name: Type.String(),
  model_version: Type.String(),
  id: Type.Optional(Type.String()),
  outputs: Type.Array(TensorData),
});
const ModelMetadata = Type.Object({
  name: Type.String(),
  versions: Type.Array(Type.String()),
  platform: Type.String(),
  inputs: Type.Array(TensorSpec),
  outputs: Type.Array(TensorSpec),
});
const ErrorBody = Type.Object({ error: Type.String(), code: Type.String() });
const ModelStats = Type.Object({ model_stats: Type.Array(Type.Record(Type.String(), Type.Unknown())) });

const failed = (description: string): object => ({ description, ...ErrorBody });
const model = { model: Type.String({ description: "Name of a deployment." }) };
const version = { version: Type.String() };

const params = (versioned: boolean): TObject => Type.Object(versioned ? { ...model, ...version } : model);
/** OpenAPI wants each operation named once. */
const named = (operationId: string, versioned: boolean): { operationId: string; tags: string[] } => ({
  operationId: versioned ? `${operationId}Version` : operationId,
  tags: ["Open Inference Protocol V2"],
});
const ok = (description: string, schema: object): object => ({ description, ...schema });

export const live = {
  ...named("serverLive", false),
  summary: "Whether the server runs",
  response: { 200: ok("It does.", Type.Object({ live: Type.Boolean() })) },
};

const Ready = Type.Object({ ready: Type.Boolean() });
const ModelReady = Type.Object({ name: Type.String(), ready: Type.Boolean() });
export const ready = {
  ...named("serverReady", false),
  summary: "Whether every deployment can take requests",
  response: { 200: ok("They can.", Ready), 503: ok("Some cannot.", Ready) },
};

export const serverMetadata = (url: string): object => ({
  ...named("serverMetadata", false),
  summary: "Name, version and extensions of the server",
  hide: url.endsWith("/"),
  response: {
    200: ok(
      "Metadata.",
      Type.Object({ name: Type.String(), version: Type.String(), extensions: Type.Array(Type.String()) }),
    ),
  },
});

export const models = {
  ...named("models", false),
  summary: "Names of all models",
  response: { 200: ok("Names.", Type.Object({ models: Type.Array(Type.String()) })) },
};

export const repositoryIndex = {
  ...named("repositoryIndex", false),
  summary: "Every model with its state (Triton's repository extension)",
  body: Type.Object({ ready: Type.Optional(Type.Boolean()) }),
  response: {
    200: ok(
      "The index.",
      Type.Array(
        Type.Object({
          name: Type.String(),
          version: Type.String(),
          state: Type.String(),
          reason: Type.String(),
        }),
      ),
    ),
  },
};

export const statistics = {
  ...named("statistics", false),
  summary: "Counters of every model (Triton's statistics extension)",
  response: { 200: ok("Counters.", ModelStats) },
};

export const statisticsOf = (versioned: boolean): object => ({
  ...named("modelStatistics", versioned),
  summary: "Counters of one model (Triton's statistics extension)",
  params: params(versioned),
  response: { 200: ok("Counters.", ModelStats), 404: failed("No such model.") },
});

export const modelMetadata = (versioned: boolean): object => ({
  ...named("modelMetadata", versioned),
  summary: "Inputs and outputs of a model",
  params: params(versioned),
  response: { 200: ok("Metadata.", ModelMetadata), 404: failed("No such model.") },
});

export const modelReady = (versioned: boolean): object => ({
  ...named("modelReady", versioned),
  summary: "Whether a model can take requests",
  params: params(versioned),
  response: {
    200: ok("It can.", ModelReady),
    404: failed("No such model."),
    503: ok("It cannot now.", ModelReady),
  },
});

export const infer = (versioned: boolean): object => ({
  ...named("modelInfer", versioned),
  summary: "Run a model",
  description:
    "JSON, or JSON and raw tensors with Inference-Header-Content-Length (the binary tensor extension).",
  params: params(versioned),
  body: InferRequest,
  response: {
    200: ok("Its outputs.", InferResponse),
    400: failed("The request does not fit the model."),
    404: failed("No such model."),
    406: failed("An output JSON cannot hold; ask for binary."),
    408: failed("The body did not arrive in time."),
    413: failed("Too large."),
    415: failed("A Content-Encoding we do not read."),
    429: failed("The queue is full; see Retry-After."),
    500: failed("The model failed."),
    503: failed("Not now; see Retry-After."),
    504: failed("The deadline passed."),
  },
});
