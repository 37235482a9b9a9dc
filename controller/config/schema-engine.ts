// `engine_options` of an ONNX model: what runtime/engines/onnx-options.ts reads, so that a fault is told with its
// place in the file. What only the machine can say, such as which providers it has, the engine says at load.

import { type Static, Type } from "typebox";
import { Count, Section } from "./schema-values.ts";

const Threads = (description: string) => Type.Optional(Count({ description, minimum: 1, maximum: 1024 }));

export const OnnxEngineOptions = Section(
  {
    execution_providers: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
        minItems: 1,
        description: 'Execution providers in order of preference, such as "cuda" and "cpu". Default: cpu.',
      }),
    ),
    intra_op_num_threads: Threads(
      "Threads within one operator. Default: the replica's num_cpus, rounded down, at least 1.",
    ),
    inter_op_num_threads: Threads("Threads across operators, for the parallel execution mode. Default: 1."),
    graph_optimization_level: Type.Optional(
      Type.Enum(["disabled", "basic", "extended", "all"], {
        description: "How much the graph is rewritten at load. Default: all.",
      }),
    ),
    execution_mode: Type.Optional(
      Type.Enum(["sequential", "parallel"], {
        description: "Whether independent operators run side by side. Default: sequential.",
      }),
    ),
    enable_cpu_mem_arena: Type.Optional(
      Type.Boolean({ description: "Keep freed memory for the next run. Default: true." }),
    ),
    enable_mem_pattern: Type.Optional(
      Type.Boolean({ description: "Plan memory once per input shape. Default: true." }),
    ),
    log_severity_level: Type.Optional(
      Count({
        description: "0 verbose, 1 info, 2 warning, 3 error, 4 fatal. Default: 4.",
        minimum: 0,
        maximum: 4,
      }),
    ),
    free_dimension_overrides: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[^\\u0000]+$" }),
        Count({ description: "Size.", minimum: 1, maximum: 2 ** 31 - 1 }),
        {
          additionalProperties: false,
          description: "Sizes of the model's named free dimensions, by name.",
        },
      ),
    ),
    session_options: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[^\\u0000]+$" }),
        Type.Union([Type.String(), Type.Number(), Type.Boolean()]),
        {
          additionalProperties: false,
          description: "Further session config entries of ONNX Runtime, in its own spelling.",
        },
      ),
    ),
    batchable: Type.Optional(
      Type.Boolean({
        description:
          "Whether the outermost dimension of every input and output is a batch axis. Default: as the model's dimensions say.",
      }),
    ),
  },
  "Options of the ONNX engine; they do not apply to a module.",
);

export type OnnxEngineOptions = Static<typeof OnnxEngineOptions>;

/** What the module engine reads; the file says it behind the module's path. */
export interface ModuleEngineOptions {
  /** Name of the exported class; the engine chooses when there is none. */
  readonly export?: string;
}
