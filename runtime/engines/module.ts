// The engine for a user's TypeScript or JavaScript class (see module-types.ts).
//
// 1. What a module gives is checked here, with the names of class and output, so that a mistake in user code
//    is never a mystery further on.
// 2. A batch that may hold several requests' rows must come back with as many rows in every output: otherwise
//    one request would get another's answer.
// 3. `fetch`, `reconfigure` and `check` are there only when the class has them.

import { messageOf, rowsOf, ShoalError, type Tensor } from "../base/index.ts";
import { cancelled } from "./cancelled.ts";
import type { Engine, EngineSpec, LoadOptions, RunContext, Signature, SignatureTensor } from "./engine.ts";
import { moduleFailure } from "./module-errors.ts";
import { moduleInputs } from "./module-inputs.ts";
import { type LoadedModule, loadClass } from "./module-load.ts";
import { OutputFault, outputTensor } from "./module-outputs.ts";
import { show } from "./options.ts";

/** Imports, constructs and starts a module. Throws MODEL_LOAD_FAILED, or INVALID_CONFIG for wrong options. */
export async function loadModule(
  spec: EngineSpec,
  signal: AbortSignal,
  { log }: LoadOptions,
): Promise<Engine> {
  if (signal.aborted) throw cancelled(signal);
  const life = new AbortController();
  const { deployment, replicaId, numCpus, userConfig } = spec;
  const giveUp = (): void => life.abort(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const context = { deployment, replicaId, numCpus, userConfig, signal: life.signal, log };
    const engine = new ModuleEngine(await loadClass(spec, context), spec, { life, log });
    if (!signal.aborted) return engine;
    await engine.dispose();
    throw cancelled(signal);
  } catch (error) {
    life.abort(error); // ends what a `start` that failed had begun
    throw signal.aborted ? cancelled(signal) : error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

interface Life extends LoadOptions {
  readonly life: AbortController;
}

class ModuleEngine implements Engine {
  readonly signature: Signature;
  readonly infers: boolean;
  readonly mayHoldTensors = true;
  declare readonly fetch?: (request: Request) => Promise<Response>;
  declare readonly reconfigure?: (userConfig: unknown) => Promise<void>;
  declare readonly check?: () => Promise<void>;
  readonly #loaded: LoadedModule;
  readonly #deployment: string;
  readonly #life: Life;
  #stopped: Promise<void> | undefined;

  constructor(loaded: LoadedModule, spec: EngineSpec, life: Life) {
    this.#loaded = loaded;
    this.#deployment = spec.deployment;
    this.#life = life;
    this.signature = signatureOf(loaded, spec);
    const { instance } = loaded;
    this.infers = instance.infer !== undefined;
    // Invariant 3.
    if (instance.fetch !== undefined) this.fetch = (request) => this.#fetch(request);
    if (instance.check !== undefined) this.check = () => this.#call("check", async () => instance.check?.());
    if (instance.reconfigure !== undefined) {
      this.reconfigure = (userConfig) =>
        this.#call("reconfigure", async () => instance.reconfigure?.(userConfig));
    }
  }

  /** Nothing: made-up input may mean something to user code, whose place for warming up is `start`. */
  async warmUp(): Promise<undefined> {
    return undefined;
  }

  async run(inputs: readonly Tensor[], context: RunContext): Promise<Tensor[]> {
    const { signal, outputs } = context;
    const { instance, name } = this.#loaded;
    if (signal.aborted) throw cancelled(signal);
    if (instance.infer === undefined) {
      throw new ShoalError(
        "UNSUPPORTED",
        `Cannot run ${name}: it has no infer(), it answers web requests only`,
      );
    }
    let given: unknown;
    try {
      given = await instance.infer(moduleInputs(inputs), { signal, outputs });
    } catch (thrown) {
      throw moduleFailure(thrown, this.#step("infer"), signal);
    }
    const tensors = this.#read(given, outputs);
    this.#checkRows(inputs, tensors);
    return tensors;
  }

  /** Invariant 1. */
  #read(given: unknown, outputs: readonly string[]): Tensor[] {
    if (typeof given !== "object" || given === null || Array.isArray(given) || ArrayBuffer.isView(given)) {
      throw this.#fault(`gave ${show(given)}, wanted an object with one entry per output`);
    }
    const declared = new Map(this.signature.outputs.map((tensor) => [tensor.name, tensor]));
    const all = declared.size > 0 ? [...declared.keys()] : Object.keys(given);
    const wanted = outputs.length > 0 ? outputs : all;
    return wanted.map((output) => {
      // Not what every object has, such as `toString`.
      if (!all.includes(output)) throw this.#unknownOutput(output, all);
      const found: unknown = Reflect.get(given, output);
      if (found === undefined) {
        throw this.#fault(`gave no output "${output}", only ${Object.keys(given).join(", ") || "nothing"}`);
      }
      return this.#tensor(output, found, declared.get(output));
    });
  }

  #tensor(output: string, found: unknown, declared: SignatureTensor | undefined): Tensor {
    let tensor: Tensor;
    try {
      tensor = outputTensor(output, found, declared?.datatype);
    } catch (thrown) {
      if (thrown instanceof OutputFault) throw this.#fault(`output "${output}": ${thrown.message}`);
      throw thrown;
    }
    const { shape } = tensor;
    const fits =
      declared === undefined ||
      (shape.length === declared.shape.length &&
        declared.shape.every((size, axis) => size === -1 || size === shape[axis]));
    if (fits) return tensor;
    throw this.#fault(
      `output "${output}": found shape [${shape.join(",")}], wanted [${declared.shape.join(",")}]`,
    );
  }

  /** Invariant 2. */
  #checkRows(inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
    const [first] = inputs;
    if (!this.signature.batchable || first === undefined) return;
    const rows = rowsOf(first);
    const odd = outputs.find((tensor) => tensor.shape.length === 0 || rowsOf(tensor) !== rows);
    if (odd === undefined) return;
    const shape = `[${odd.shape.join(",")}]`;
    throw this.#fault(
      `output "${odd.name}": found shape ${shape}, wanted ${rows} rows as in the input (batching is on)`,
    );
  }

  async #fetch(request: Request): Promise<Response> {
    const response: unknown = await this.#call("fetch", async () => this.#loaded.instance.fetch?.(request));
    if (response instanceof Response) return response;
    throw new ShoalError(
      "ENGINE_FAILED",
      `${this.#step("fetch")}: found ${show(response)}, wanted a Response`,
    );
  }

  async #call<T>(method: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw moduleFailure(thrown, this.#step(method));
    }
  }

  #step(method: string): string {
    return `${this.#loaded.name}.${method}() of deployment "${this.#deployment}"`;
  }

  #fault(what: string): ShoalError {
    return new ShoalError("ENGINE_FAILED", `${this.#step("infer")}: ${what}`);
  }

  #unknownOutput(output: string, all: readonly string[]): ShoalError {
    const what = `Cannot run deployment "${this.#deployment}": found no output "${output}"`;
    return new ShoalError("INVALID_ARGUMENT", `${what}, wanted some of ${all.join(", ") || "none"}`);
  }

  /** Aborts the context's signal, then calls `stop`, once; a `stop` that throws is logged, not thrown. */
  dispose(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { life, log } = this.#life;
    life.abort(new ShoalError("DRAINING", `Deployment "${this.#deployment}" stops`));
    try {
      await this.#loaded.instance.stop?.();
    } catch (thrown) {
      log.warn({ err: thrown }, `${this.#step("stop")} failed: ${messageOf(thrown)}`);
    }
  }
}

function signatureOf({ signature }: LoadedModule, { maxBatchSize }: EngineSpec): Signature {
  const inputs = signature?.inputs ?? [];
  const outputs = signature?.outputs ?? [];
  const batchable = maxBatchSize > 1 && [...inputs, ...outputs].every(({ shape }) => shape[0] === -1);
  return { inputs, outputs, batchable, platform: "shoal_module" };
}
