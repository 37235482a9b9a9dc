// `shoal.yaml` from a path or from text to a config, or every fault of it.
//
// Files that the config names are not looked at: a model that is missing is reported with its deployment when
// that is loaded, so that the others are served.

import { dirname, resolve } from "node:path";
import {
  type ConfigOutcome,
  decodeDocument,
  readConfigFile,
  type Rule,
} from "../../runtime/base/config/index.ts";
import { normalise } from "./normalise.ts";
import { RULES } from "./rules.ts";
import { ServeFile } from "./schema.ts";
import type { ServeConfig } from "./types.ts";

export interface DecodeConfigOptions {
  /** The file's name in faults; paths in the config are relative to its directory. */
  readonly file: string;
  /** What paths are relative to instead, absolute: one folder an application, in their order. */
  readonly directories?: readonly string[];
}

/** Decodes a config from YAML or JSON. Throws nothing. */
export function decodeConfig(
  source: string | Uint8Array,
  { file, directories = [] }: DecodeConfigOptions,
): ConfigOutcome<ServeConfig> {
  const decoded = decodeFile(source, { file });
  if (decoded.kind === "faults") return decoded;
  const from = directories.length > 0 ? directories : dirname(resolve(file));
  return { kind: "ok", value: normalise(decoded.value, from) };
}

/** The same, in the form of the file; `rules` are asked beside those that every config obeys. */
export function decodeFile(
  source: string | Uint8Array,
  { file, rules = [] }: { readonly file: string; readonly rules?: readonly Rule[] },
): ConfigOutcome<ServeFile> {
  return decodeDocument(source, { file, schema: ServeFile, rules: [...RULES, ...rules] });
}

/** Reads and decodes a config file. A file that cannot be read is a fault like any other. */
export async function loadConfig(path: string): Promise<ConfigOutcome<ServeConfig>> {
  const read = await readConfigFile(path);
  return read.kind === "faults" ? read : decodeConfig(read.value, { file: path });
}
