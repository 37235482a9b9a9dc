// The engine for .onnx files, on onnxruntime-node.
//
// `run` blocks its thread for the whole inference, whatever its promise suggests, and cannot be stopped once
// begun; that is why engines live in replica processes.
//
// 1. Models are loaded by path, so that ORT finds external data beside them.
// 2. Only the outputs somebody asked for are computed and fetched.
// 3. The session is released once, and nothing runs on it afterwards.

import { InferenceSession, type Tensor as OrtTensor } from "onnxruntime-node";
import { basename } from "node:path";
import { messageOf, ShoalError, systemClock, type Tensor } from "../base/index.ts";
import { cancelled } from "./cancelled.ts";
import type { Engine, EngineSpec, RunContext, Signature } from "./engine.ts";
import { checkModelFile, cleanMessage, explainLoad } from "./onnx-errors.ts";
import { readOnnxOptions } from "./onnx-options.ts";
import { OutputRoom, runInto } from "./onnx-outputs.ts";
import { readSignature } from "./onnx-signature.ts";
import { fromOrt, toOrt } from "./onnx-tensors.ts";
import { zeros } from "./zeros.ts";

/** Loads one model. Throws INVALID_CONFIG for wrong options and MODEL_LOAD_FAILED for the rest. */
export async function loadOnnx(spec: EngineSpec, signal: AbortSignal): Promise<Engine> {
  const options = readOnnxOptions(spec);
  checkModelFile(spec);
  if (signal.aborted) throw cancelled(signal);
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(spec.path, options.session); // invariant 1
  } catch (error) {
    throw explainLoad(spec, error);
  }
  try {
    if (signal.aborted) throw cancelled(signal);
    return new OnnxEngine(session, spec, readSignature(session, spec, options));
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** A second warm-up run at full batch size must be expected to take no longer than this. */
const WARM_BATCH_BUDGET_MS = 200;
/** Made-up input is not worth more memory than this. */
const WARM_BYTES_LIMIT = 256 * 1024 * 1024;

class OnnxEngine implements Engine {
  readonly signature: Signature;
  readonly infers = true;
  readonly mayHoldTensors = false;
  readonly #session: InferenceSession;
  readonly #spec: EngineSpec;
  readonly #datatypes: ReadonlyMap<string, string>;
  readonly #outputs: readonly string[];
  readonly #room: OutputRoom;
  #released: Promise<void> | undefined;

  constructor(session: InferenceSession, spec: EngineSpec, signature: Signature) {
    this.#session = session;
    this.#spec = spec;
    this.signature = signature;
    this.#datatypes = new Map(signature.inputs.map(({ name, datatype }) => [name, datatype]));
    this.#outputs = signature.outputs.map(({ name }) => name);
    this.#room = new OutputRoom(session, signature.outputs);
  }

  /** One row, then a full batch when that is quick: it makes ORT's arena grow before the first burst does. */
  async warmUp(): Promise<string | undefined> {
    const { batchable } = this.signature;
    const rows = batchable ? this.#spec.maxBatchSize : 1;
    try {
      const startMs = systemClock.nowMs();
      if (!(await this.#runZeros(1)))
        return "Skipped the warm-up: the model's declared input is too large to make up";
      const tookMs = systemClock.nowMs() - startMs;
      if (rows > 1 && tookMs * rows <= WARM_BATCH_BUDGET_MS) await this.#runZeros(rows);
      return undefined;
    } catch (error) {
      return `Skipped the warm-up: the model cannot take input that was made up (${messageOf(error)})`;
    }
  }

  /** False when the input would be too large. */
  async #runZeros(rows: number): Promise<boolean> {
    const inputs = zeros(this.signature.inputs, { rows, bytesLimit: WARM_BYTES_LIMIT });
    if (inputs === undefined) return false;
    await this.run(inputs, { signal: new AbortController().signal, outputs: [] });
    return true;
  }

  async run(inputs: readonly Tensor[], { signal, outputs, room }: RunContext): Promise<Tensor[]> {
    if (signal.aborted) throw cancelled(signal);
    if (this.#released !== undefined) throw this.#failure("its model is disposed"); // invariant 3
    const feeds = this.#feeds(inputs);
    const wanted = outputs.length === 0 ? this.#outputs : this.#checked(outputs);
    const own = room === undefined ? undefined : this.#room.take(inputs, wanted, room);
    if (own !== undefined) {
      const placed = await runInto(own, (fetches) => this.#session.run(feeds, fetches)).catch(
        () => undefined,
      );
      if (placed !== undefined) return placed;
    }
    let results: Record<string, OrtTensor>;
    try {
      results = await this.#session.run(feeds, wanted); // invariant 2
    } catch (error) {
      throw this.#failure(cleanMessage(error, this.#spec.path), error);
    }
    // It was the room that failed: the model gives other shapes than it declares.
    if (own !== undefined) this.#room.giveUp();
    return wanted.map((name) => {
      const result = results[name];
      if (result === undefined) throw this.#failure(`it gave no output "${name}"`);
      return fromOrt(name, result);
    });
  }

  #feeds(inputs: readonly Tensor[]): Record<string, OrtTensor> {
    const feeds: Record<string, OrtTensor> = {};
    for (const tensor of inputs) {
      const wanted = this.#datatypes.get(tensor.name);
      if (wanted === undefined)
        throw this.#invalid(`found input "${tensor.name}", wanted ${this.#inputNames()}`);
      if (tensor.datatype !== wanted) {
        throw this.#invalid(`found ${tensor.datatype} for input "${tensor.name}", wanted ${wanted}`);
      }
      feeds[tensor.name] = toOrt(tensor);
    }
    if (inputs.length === this.#datatypes.size) return feeds;
    throw this.#invalid(`found ${inputs.length} inputs, wanted ${this.#inputNames()}`);
  }

  #checked(outputs: readonly string[]): readonly string[] {
    const unknown = outputs.find((name) => !this.#outputs.includes(name));
    if (unknown === undefined) return outputs;
    throw this.#invalid(`found no output "${unknown}", wanted some of ${this.#outputs.join(", ")}`);
  }

  #inputNames(): string {
    return [...this.#datatypes.keys()].join(", ");
  }

  #invalid(what: string): ShoalError {
    return new ShoalError("INVALID_ARGUMENT", `Cannot run deployment "${this.#spec.deployment}": ${what}`);
  }

  #failure(what: string, cause?: unknown): ShoalError {
    const { deployment, path } = this.#spec;
    const message = `Cannot run model "${basename(path)}" of deployment "${deployment}": ${what}`;
    return new ShoalError("ENGINE_FAILED", message, { cause });
  }

  dispose(): Promise<void> {
    this.#released ??= this.#session.release();
    return this.#released;
  }
}
