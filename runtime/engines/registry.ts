// Which engines there are, and which file is for which.
//
// 1. An engine's code is imported when it is first needed: a module replica never loads ONNX Runtime.

import { extname } from "node:path";
import { ShoalError } from "../base/index.ts";
import { createLog } from "../base/log/index.ts";
import type { Engine, EngineLoader, EngineSpec, LoadOptions } from "./engine.ts";

interface EngineEntry {
  /** File extensions it is chosen for. */
  readonly extensions: readonly string[];
  /** Invariant 1. */
  readonly loader: () => Promise<EngineLoader>;
}

const ENGINES: ReadonlyMap<string, EngineEntry> = new Map<string, EngineEntry>([
  ["onnx", { extensions: [".onnx"], loader: async () => (await import("./onnx.ts")).loadOnnx }],
  [
    "module",
    {
      extensions: [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"],
      loader: async () => (await import("./module.ts")).loadModule,
    },
  ],
]);

/** Names of all engines, for messages and schemas. */
export const ENGINE_NAMES: readonly string[] = [...ENGINES.keys()];

/** The engine for a file, by its extension; undefined when there is none. */
export function engineForPath(path: string): string | undefined {
  const extension = extname(path).toLowerCase();
  return ENGINE_NAMES.find((name) => ENGINES.get(name)?.extensions.includes(extension));
}

/** Loads a model. Throws MODEL_LOAD_FAILED, INVALID_CONFIG, or CANCELLED when `signal` aborts. */
export async function loadEngine(
  spec: EngineSpec,
  signal: AbortSignal,
  options: Partial<LoadOptions> = {},
): Promise<Engine> {
  const entry = ENGINES.get(spec.engine);
  if (entry === undefined) {
    const message = `Cannot load deployment "${spec.deployment}": found engine "${spec.engine}", wanted one of ${ENGINE_NAMES.join(", ")}`;
    throw new ShoalError("INVALID_CONFIG", message);
  }
  const log = options.log ?? createLog({ fields: { deployment: spec.deployment } });
  const load = await entry.loader();
  return load(spec, signal, { log });
}
