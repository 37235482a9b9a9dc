// `engine_options` of an ONNX deployment → session options of onnxruntime-node.
//
// 1. Threads come from the CPUs the replica was given, never from the machine: ORT's own default takes every
//    core in every replica.
// 2. An execution provider that is not there is a fault. ORT would warn and go on without it, and a deployment
//    meant for a GPU would be served, slowly, by the CPU.

import { listSupportedBackends, type InferenceSession } from "onnxruntime-node";
import type { EngineSpec } from "./engine.ts";
import { flag, mapOf, OptionReader, oneOf, type OptionType, textList, wholeNumber } from "./options.ts";

export interface OnnxOptions {
  readonly session: InferenceSession.SessionOptions;
  /** Sizes for named dimensions. The node binding has no such option, so the signature is what keeps them. */
  readonly freeDimensions: Readonly<Record<string, number>>;
  /** The user's word on whether dimension 0 is a batch axis, where the model's dimension names mislead. */
  readonly batchable: boolean | undefined;
}

const KEYS = [
  "execution_providers",
  "intra_op_num_threads",
  "inter_op_num_threads",
  "graph_optimization_level",
  "execution_mode",
  "enable_cpu_mem_arena",
  "enable_mem_pattern",
  "log_severity_level",
  "free_dimension_overrides",
  "session_options",
  "batchable",
];

type Severity = 0 | 1 | 2 | 3 | 4;
const SEVERITIES: readonly Severity[] = [0, 1, 2, 3, 4];
const severity: OptionType<Severity> = {
  wanted: "a whole number from 0 (verbose) to 4 (fatal)",
  read: (value) => SEVERITIES.find((level) => level === value),
};

/** A session config entry: ORT takes texts, YAML writes numbers and flags too. */
const entry: OptionType<string> = {
  wanted: "a text, a number or a flag",
  read: (value) =>
    typeof value === "string" || typeof value === "number"
      ? String(value)
      : typeof value === "boolean"
        ? String(Number(value))
        : undefined,
};

/** Throws INVALID_CONFIG naming the key, what was found and what was wanted. */
export function readOnnxOptions(spec: EngineSpec): OnnxOptions {
  const options = new OptionReader(spec.options, spec.deployment);
  options.allowOnly(KEYS);
  return {
    session: {
      executionProviders: readProviders(options),
      intraOpNumThreads: options.get("intra_op_num_threads", wholeNumber(1), threadsOf(spec.numCpus)),
      interOpNumThreads: options.get("inter_op_num_threads", wholeNumber(1), 1),
      graphOptimizationLevel: options.get(
        "graph_optimization_level",
        oneOf("disabled", "basic", "extended", "all"),
        "all",
      ),
      executionMode: options.get("execution_mode", oneOf("sequential", "parallel"), "sequential"),
      enableCpuMemArena: options.get("enable_cpu_mem_arena", flag, true),
      enableMemPattern: options.get("enable_mem_pattern", flag, true),
      // Errors come back typed; at a lower level every bad request would write a line of its own.
      logSeverityLevel: options.get("log_severity_level", severity, 4),
      extra: options.get("session_options", mapOf(entry), {}),
    },
    freeDimensions: options.get("free_dimension_overrides", mapOf(wholeNumber(1, 2 ** 31 - 1)), {}),
    batchable: options.get<boolean | undefined>("batchable", flag, undefined),
  };
}

/** Invariant 1. */
function threadsOf(numCpus: number): number {
  return Math.max(1, Math.floor(numCpus));
}

/** Invariant 2. */
function readProviders(options: OptionReader): readonly string[] {
  const wanted = options.get("execution_providers", textList, ["cpu"]);
  const there = listSupportedBackends().map((backend) => backend.name);
  const missing = wanted.find((name) => !there.includes(name));
  if (missing === undefined) return wanted;
  throw options.fault(
    "execution_providers",
    `found "${missing}", wanted some of ${there.join(", ")} (what onnxruntime-node has on this platform)`,
  );
}
