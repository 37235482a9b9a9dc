// Shared by the engine tests: specs, tensors and modules written to a folder that goes away again.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesOf, type Datatype, encodeBytesElements, type Tensor } from "../../../runtime/base/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { type Engine, type EngineSpec, loadEngine, type RunContext } from "../../../runtime/engines/index.ts";

export const FIXTURES = join(import.meta.dirname, "fixtures");
export const never = new AbortController().signal;
export const all: RunContext = { signal: never, outputs: [] };

export function onnxSpec(file: string, more: Partial<EngineSpec> = {}): EngineSpec {
  const path = join(FIXTURES, file); // an absolute `file` is a mistake here; pass `path` in `more` for those
  const base = { deployment: "demo", numCpus: 1, options: {}, userConfig: undefined, maxBatchSize: 1 };
  return { engine: "onnx", path, ...base, ...more };
}

export function moduleSpec(path: string, more: Partial<EngineSpec> = {}): EngineSpec {
  return { ...onnxSpec("", more), engine: "module", path };
}

/** A loaded engine that `await using` disposes of. */
export async function open(spec: EngineSpec): Promise<Engine & AsyncDisposable> {
  const engine = await loadEngine(spec, never, { log: silentLog });
  return Object.assign(engine, { [Symbol.asyncDispose]: () => engine.dispose() });
}

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "shoal-engines-"));

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export function tensor(
  name: string,
  datatype: Datatype,
  shape: readonly number[],
  data: ArrayBufferView,
): Tensor {
  return { name, datatype, shape, bytes: bytesOf(data) };
}

export function texts(name: string, shape: readonly number[], elements: (string | Uint8Array)[]): Tensor {
  return { name, datatype: "BYTES", shape, bytes: encodeBytesElements(elements) };
}

export function floats(name: string, shape: readonly number[], ...values: number[]): Tensor {
  return tensor(name, "FP32", shape, Float32Array.from(values));
}
