// What the author of a module deployment writes against. Types only: a module needs nothing of Shoal at run
// time, and a class that has the right methods is a module without saying so.
//
//   import type { ModelModule, ModuleInputs } from "shoal/engines";
//
//   export class Doubler implements ModelModule {
//     infer({ x }: ModuleInputs) {
//       return { y: { datatype: "FP32", shape: x.shape, data: Float32Array.from(x.data, (v) => 2 * Number(v)) } };
//     }
//   }

import type { Datatype, TypedArray } from "../base/index.ts";

type Awaitable<T> = T | Promise<T>;

/**
 * A module deployment: one instance per replica, made with `new Class()`. All but one of `infer` and `fetch` is
 * optional. Throwing an error with `code: "INVALID_ARGUMENT"` or a `status` from 400 to 499 blames the request;
 * any other error is answered as a failure of the model.
 */
export interface ModelModule {
  /** What `infer` takes and gives; also as a static property. Requests are then checked before they reach it. */
  readonly signature?: ModuleSignature;
  /** Called once, before anything else: load weights here. Throwing fails the deployment. */
  start?(context: ModuleContext): Awaitable<void>;
  /** One batch of tensors in, one out. With batching on, rows of several requests come in one call. */
  infer?(inputs: ModuleInputs, context: InferContext): Awaitable<ModuleOutputs>;
  /** A whole web request, not batched; bodies stream both ways. */
  fetch?(request: Request): Awaitable<Response>;
  /** New `user_config` while running; the first one comes with `start`. */
  reconfigure?(userConfig: unknown): Awaitable<void>;
  /** The module's own health check: throw when it is not well. */
  check?(): Awaitable<void>;
  /** Called once, last: close what `start` opened. */
  stop?(): Awaitable<void>;
}

export interface ModuleContext {
  readonly deployment: string;
  /** Which replica this is; undefined outside a server, in a test for instance. */
  readonly replicaId: string | undefined;
  /** CPUs this replica may use, fractions allowed. */
  readonly numCpus: number;
  readonly userConfig: unknown;
  /** Aborts when the replica gives up starting, and when it stops. */
  readonly signal: AbortSignal;
  readonly log: ModuleLog;
}

/** pino's shape: fields and a message, or a message alone. */
export interface ModuleLog {
  debug(fields: object, message?: string): void;
  debug(message: string): void;
  info(fields: object, message?: string): void;
  info(message: string): void;
  warn(fields: object, message?: string): void;
  warn(message: string): void;
  error(fields: object, message?: string): void;
  error(message: string): void;
}

export interface InferContext {
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Names of the outputs somebody wants; empty means all. Giving more is no fault. */
  readonly outputs: readonly string[];
}

/** How the elements of each datatype come: views on the request's bytes, not to be written to. */
export interface ModuleData {
  /** 0 and 1. */
  BOOL: Uint8Array;
  UINT8: Uint8Array;
  UINT16: Uint16Array;
  UINT32: Uint32Array;
  UINT64: BigUint64Array;
  INT8: Int8Array;
  INT16: Int16Array;
  INT32: Int32Array;
  INT64: BigInt64Array;
  FP16: Float16Array;
  /** Converted, as JavaScript has no array of BF16: a copy. */
  BF16: Float32Array;
  FP32: Float32Array;
  FP64: Float64Array;
  /** Decoded when first read; reading text that is not UTF-8 answers the request with 400. See `raw`. */
  BYTES: string[];
}

interface TensorOf<D extends Datatype> {
  readonly datatype: D;
  readonly shape: readonly number[];
  readonly data: ModuleData[D];
}

/** A BYTES input: as text in `data`, as it came in `raw`. */
export interface BytesTensor extends TensorOf<"BYTES"> {
  readonly raw: readonly Uint8Array[];
}

/** One input; `switch (tensor.datatype)` narrows `data`. */
export type ModuleTensor =
  | { [D in Exclude<Datatype, "BYTES">]: TensorOf<D> }[Exclude<Datatype, "BYTES">]
  | BytesTensor;

/** Inputs by name. */
export type ModuleInputs = Readonly<Record<string, ModuleTensor>>;

/**
 * What the elements of an output may be. BOOL: Uint8Array of 0 and 1 or booleans. BF16: numbers or a
 * Float32Array, rounded to nearest, or a Uint16Array of bits. BYTES: texts and Uint8Arrays.
 */
export type ModuleOutputData =
  | TypedArray
  | readonly number[]
  | readonly bigint[]
  | readonly boolean[]
  | readonly (string | Uint8Array)[];

/**
 * One output. Without `datatype`: what the signature says, else what the data shows (plain numbers show
 * nothing). Without `shape`: `[number of elements]`.
 */
export interface ModuleOutput {
  readonly datatype?: Datatype;
  readonly shape?: readonly number[];
  readonly data: ModuleOutputData;
}

/** Outputs by name; data alone stands for an output of it. */
export type ModuleOutputs = Readonly<Record<string, ModuleOutput | ModuleOutputData>>;

export interface ModuleSignature {
  readonly inputs: readonly ModuleSignatureTensor[];
  readonly outputs?: readonly ModuleSignatureTensor[];
}

export interface ModuleSignatureTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1 is a dimension that may vary. Requests are joined into batches when the first is -1 everywhere. */
  readonly shape: readonly number[];
}
