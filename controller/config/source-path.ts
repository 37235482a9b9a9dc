// What `model:` and `module:` say: which file, which export, which engine.

import { isAbsolute, resolve } from "node:path";

export const MODULE_ENDINGS = [".ts", ".mts", ".js", ".mjs"] as const;
export const MODEL_ENDINGS = [".onnx"] as const;

export interface ModuleReference {
  readonly path: string;
  /** Undefined when none is named. */
  readonly exportName: string | undefined;
}

/** Splits `./text.ts:Text`. The colon of `C:\text.ts` is no separator: no identifier follows it. */
export function parseModuleReference(text: string): ModuleReference {
  const match = /^(?<path>.+):(?<name>[A-Za-z_$][\w$]*)$/.exec(text);
  return { path: match?.groups?.["path"] ?? text, exportName: match?.groups?.["name"] };
}

export function hasEnding(path: string, endings: readonly string[]): boolean {
  return endings.some((ending) => path.toLowerCase().endsWith(ending));
}

/** A path of the file as an absolute one. */
export function resolvePath(directory: string, path: string): string {
  return isAbsolute(path) ? path : resolve(directory, path);
}
