// The one interface of everything that can execute a model.

import type { Tensor, TensorSpec } from "../base/index.ts";
import type { Logger } from "../base/log/index.ts";

/** One input or output of a model. */
export interface SignatureTensor extends TensorSpec {
  /** True when the model leaves even the rank open: `shape` is then `[]` and says nothing. */
  readonly anyShape?: boolean;
}

/** What a model takes and gives. */
export interface Signature {
  /** Empty when the model has not said: any tensors are taken. */
  readonly inputs: readonly SignatureTensor[];
  readonly outputs: readonly SignatureTensor[];
  /** True when the outermost dimension of every input and output is a batch axis, so requests may be joined. */
  readonly batchable: boolean;
  /** V2 `platform`, such as `onnxruntime_onnx`. */
  readonly platform: string;
}

/** What an engine needs to load one model. Plain data: it crosses the process boundary. */
export interface EngineSpec {
  /** Name of an engine in the registry: `onnx` or `module`. */
  readonly engine: string;
  /** Absolute path of the model file or the module. */
  readonly path: string;
  /** Deployment name, for messages. */
  readonly deployment: string;
  /** CPUs the replica was given, fractions allowed. */
  readonly numCpus: number;
  /** `engine_options` of the config, checked by the engine. */
  readonly options: Readonly<Record<string, unknown>>;
  /** `user_config` of the config, for modules. */
  readonly userConfig: unknown;
  /** Largest batch in rows: what a warm-up need not exceed. */
  readonly maxBatchSize: number;
  /** Which replica this is, for modules that want to know. */
  readonly replicaId?: string;
}

/** Turns a spec into a loaded model; throws MODEL_LOAD_FAILED or INVALID_CONFIG. */
export type EngineLoader = (spec: EngineSpec, signal: AbortSignal, options: LoadOptions) => Promise<Engine>;

export interface LoadOptions {
  /** Where a module's `context.log` writes, and warnings about loading. */
  readonly log: Logger;
}

/** A loaded model, made by `loadEngine(spec, signal)`. */
export interface Engine {
  readonly signature: Signature;
  /** False for a module that only takes web requests: its `run` throws UNSUPPORTED. */
  readonly infers: boolean;
  /** Whether inputs or outputs of a run may be held by someone after it: user code may, ORT does not. */
  readonly mayHoldTensors: boolean;
  /**
   * Runs on made-up input, so that the first request pays no first-run cost. Gives a warning, not an error, when
   * the model cannot take what was made up.
   */
  warmUp(): Promise<string | undefined>;
  /**
   * One execution; shapes are already checked against the signature. Throws ENGINE_FAILED; INVALID_ARGUMENT
   * where the input is at fault; UNSUPPORTED where the model only takes web requests; CANCELLED.
   */
  run(inputs: readonly Tensor[], context: RunContext): Promise<Tensor[]>;
  /** A whole web request, for engines that take them. */
  fetch?(request: Request): Promise<Response>;
  /** New `user_config` for a running model. */
  reconfigure?(userConfig: unknown): Promise<void>;
  /** The engine's own health check; throws when it is not well. */
  check?(): Promise<void>;
  /** Frees the model. Idempotent. */
  dispose(): Promise<void>;
}

export interface RunContext {
  readonly signal: AbortSignal;
  /** Names of the outputs somebody wants; empty means all. */
  readonly outputs: readonly string[];
  /**
   * Gives memory for large outputs, all together and behind each other: so many bytes, or undefined when they are to lie
   * anywhere. An engine need not ask.
   */
  readonly room?: (byteLength: number) => Uint8Array | undefined;
}
