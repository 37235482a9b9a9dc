// Failures of ONNX Runtime, told so that a person can act on them.
//
// 1. No message holds a path of the machine that built ORT, a C++ signature or the model's folder.

import { existsSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { messageOf, ShoalError } from "../base/index.ts";
import type { EngineSpec } from "./engine.ts";
import { type OnnxFile, readOnnxFile } from "./onnx-file.ts";

/** `Cannot load model "<file>" of deployment "<name>": <what>`, as MODEL_LOAD_FAILED. */
export function loadFailure(spec: EngineSpec, what: string, cause?: unknown): ShoalError {
  const message = `Cannot load model "${basename(spec.path)}" of deployment "${spec.deployment}": ${what}`;
  return new ShoalError("MODEL_LOAD_FAILED", message, { cause });
}

/** Throws when there is no file to load. ORT says so too, but takes a folder for a broken model. */
export function checkModelFile(spec: EngineSpec): void {
  const found = statSync(spec.path, { throwIfNoEntry: false });
  if (found === undefined) throw loadFailure(spec, `found no such file, wanted an .onnx file`);
  if (!found.isFile()) throw loadFailure(spec, "found a folder, wanted an .onnx file");
  if (found.size === 0) throw loadFailure(spec, "found an empty file, wanted an .onnx file");
}

/** Why ORT could not load a model: the file itself is asked first, then ORT's own words are used. */
export function explainLoad(spec: EngineSpec, thrown: unknown): ShoalError {
  const file = readOnnxFile(spec.path);
  const cause = file === undefined ? undefined : (dataFault(spec, file) ?? unsupportedType(file));
  if (cause !== undefined) return loadFailure(spec, cause, thrown);
  if (file === undefined) {
    return loadFailure(spec, "found a corrupt or cut-off file, wanted an ONNX protobuf", thrown);
  }
  return loadFailure(spec, `onnxruntime refused it: ${cleanMessage(thrown, spec.path)}`, thrown);
}

/** What is wrong with the files beside the model that its weights are kept in. */
function dataFault({ path }: EngineSpec, { externalData }: OnnxFile): string | undefined {
  const folder = dirname(path);
  const outside = externalData.find(({ location }) => isOutside(folder, location));
  if (outside !== undefined)
    return `its weights are kept in "${outside.location}" (external data), wanted a file in the model's folder`;
  const missing = externalData.filter(({ location }) => !existsSync(join(folder, location)));
  if (missing.length > 0) {
    const names = missing.map(({ location }) => `"${location}"`).join(", ");
    return `found no file ${names}, wanted it beside the model: its weights are kept there (external data)`;
  }
  for (const { location, bytes } of externalData) {
    const { size } = statSync(join(folder, location));
    if (size < bytes)
      return `found "${location}" with ${size} bytes, wanted ${bytes}: its weights are kept there (external data)`;
  }
  return undefined;
}

function isOutside(folder: string, location: string): boolean {
  return isAbsolute(location) || relative(folder, join(folder, location)).startsWith("..");
}

/** TensorProto.DataType that the node binding has no typed array for. */
const UNSUPPORTED = new Map([
  [14, "COMPLEX64"],
  [15, "COMPLEX128"],
  [16, "BFLOAT16"],
  [17, "FLOAT8E4M3FN"],
  [18, "FLOAT8E4M3FNUZ"],
  [19, "FLOAT8E5M2"],
  [20, "FLOAT8E5M2FNUZ"],
  [23, "FLOAT4E2M1"],
  [24, "FLOAT8E8M0"],
]);

function unsupportedType(file: OnnxFile): string | undefined {
  for (const [side, values] of [
    ["input", file.inputs],
    ["output", file.outputs],
  ] as const) {
    for (const { name, elementType } of values) {
      const type = UNSUPPORTED.get(elementType);
      if (type !== undefined) return unsupported(side, name, type);
    }
  }
  return undefined;
}

/** How an input or output is refused whose type cannot be served. */
export function unsupported(side: "input" | "output", name: string, found: string): string {
  return `its ${side} "${name}" is ${found}, which is not supported by onnxruntime-node; wanted a tensor of booleans, strings, integers of 8 to 64 bits or floats of 16 to 64`;
}

const NODE = /Non-zero status code returned while running (\S+) node\. Name:'([^']*)' Status Message: /;

/** ORT's message without what only its authors can use (invariant 1). */
export function cleanMessage(thrown: unknown, modelPath: string): string {
  const message = messageOf(thrown)
    .replaceAll(modelPath, basename(modelPath))
    .replaceAll(`${dirname(modelPath)}/`, "")
    .replace(/^Load model from \S+ failed:\s*/, "")
    .replace(NODE, (_, kind: string, name: string) => `${kind} node${name === "" ? "" : ` "${name}"`}: `);
  return dropConditions(dropSources(message)).replace(/\s+/g, " ").trim();
}

const SOURCE = /\S*\.(?:cc|cpp|cu|h|hpp):\d+\s+/;

/** Drops every `file.cc:12 <function> `, where the function may be a whole C++ signature. */
function dropSources(message: string): string {
  let text = message;
  for (let match = SOURCE.exec(text); match !== null; match = SOURCE.exec(text)) {
    const rest = text.slice(match.index + match[0].length);
    text = text.slice(0, match.index) + rest.slice(signatureLength(rest));
  }
  return text;
}

/** Length of a C++ signature, or of a bare function name, at the start of `text`. */
function signatureLength(text: string): number {
  const bare = /^[\w:~]+ /.exec(text);
  const open = text.indexOf("(");
  // `Function message`: a name with nothing of a type before it and no parameter list.
  if (open < 0 || (bare !== null && !bare[0].includes("::") && !/^[\w:<>,*& ]+\(/.test(text))) {
    return bare?.[0].length ?? 0;
  }
  let depth = 0;
  for (let index = open; index < text.length; index++) {
    if (text[index] === "(") depth++;
    if (text[index] === ")" && --depth === 0) {
      const tail = /^(?: const)?(?:::<lambda\(.*?\)>)?(?: \[with [^\]]*\])?\s*/.exec(text.slice(index + 1));
      return index + 1 + (tail?.[0].length ?? 0);
    }
  }
  return bare?.[0].length ?? 0;
}

/** Drops the C++ condition of `<condition> was false. <words>` when words follow it. */
function dropConditions(message: string): string {
  return message.replace(/(^| node(?: "[^"]*")?: )(?:(?! node: ).)*? was false\. *(?=\S)/s, "$1");
}
