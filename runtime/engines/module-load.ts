// From a module's path to an instance of its class.
//
// This is the decoder of what users write: the one place that turns unknown values into `ModelModule`.
//
// 1. User code runs in the order import, constructor, `start`, and a failure says in which.
// 2. The message of a failure has the user's words and file:line; the stack goes into `cause`, for logs.

import { statSync } from "node:fs";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { isDatatype, messageOf, ShoalError } from "../base/index.ts";
import type { EngineSpec } from "./engine.ts";
import type { ModelModule, ModuleContext, ModuleSignature } from "./module-types.ts";
import { placeOf } from "./module-place.ts";
import { OptionReader, show, text } from "./options.ts";

export interface LoadedModule {
  readonly name: string;
  readonly instance: ModelModule;
  readonly signature: ModuleSignature | undefined;
}

/** Imports, constructs and starts. Throws MODEL_LOAD_FAILED, or INVALID_CONFIG for wrong options. */
export async function loadClass(spec: EngineSpec, context: ModuleContext): Promise<LoadedModule> {
  const options = new OptionReader(spec.options, spec.deployment);
  options.allowOnly(["export"]);
  const wanted = options.get<string | undefined>("export", text, undefined);
  const { name, construct } = chooseClass(await importModule(spec), wanted, spec);
  const step = <T>(what: string, work: () => T | Promise<T>) => guard(what, work, spec);
  const instance = await step(`constructing ${name}`, () => decodeInstance(construct(), name));
  await step(`${name}.start()`, () => instance.start?.(context));
  const signature = await step(`reading ${name}.signature`, () => decodeSignature(instance, construct));
  return { name, instance, signature };
}

async function importModule(spec: EngineSpec): Promise<Record<string, unknown>> {
  const found = statSync(spec.path, { throwIfNoEntry: false });
  if (found === undefined) throw failure(spec, `found no such file, wanted a module`);
  if (!found.isFile()) throw failure(spec, "found a folder, wanted a file");
  return guard("importing it", () => import(pathToFileURL(spec.path).href), spec);
}

interface Chosen {
  readonly name: string;
  /** `new Class()`; carries the class's static `signature`. */
  readonly construct: (() => unknown) & { readonly signature?: unknown };
}

/** The named export, else the only class, else the default export. */
function chooseClass(exports: Record<string, unknown>, wanted: string | undefined, spec: EngineSpec): Chosen {
  const all = Object.keys(exports).join(", ") || "nothing";
  if (wanted !== undefined) {
    const chosen = exports[wanted];
    if (typeof chosen === "function") return constructorOf(wanted, chosen);
    const found =
      chosen === undefined ? `found no export "${wanted}" among ${all}` : `found "${wanted}" to be no class`;
    throw failure(spec, `${found}, wanted a class with infer() or fetch()`);
  }
  const classes = Object.entries(exports).filter((entry): entry is [string, Function] => isClass(entry[1]));
  const [only] = classes;
  // `export default class` under a name of its own is one class exported twice.
  if (only !== undefined && new Set(classes.map(([, value]) => value)).size === 1)
    return constructorOf(...only);
  const { default: fallback } = exports;
  if (isClass(fallback)) return constructorOf("default", fallback);
  const found =
    classes.length === 0 ? `no class among its exports (${all})` : `${classes.length} classes (${all})`;
  throw failure(
    spec,
    `found ${found}, wanted one, or its name behind the path as in "${basename(spec.path)}:Name"`,
  );
}

function isClass(value: unknown): value is Function {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

function constructorOf(name: string, constructor: Function): Chosen {
  const construct = (): unknown => Reflect.construct(constructor, []);
  const signature: unknown = Reflect.get(constructor, "signature");
  const shown = name === "default" && constructor.name !== "" ? constructor.name : name;
  return { name: shown, construct: Object.assign(construct, { signature }) };
}

const METHODS = ["start", "infer", "fetch", "reconfigure", "check", "stop"];

function decodeInstance(instance: unknown, name: string): ModelModule {
  if (typeof instance !== "object" || instance === null)
    throw new TypeError(`found ${show(instance)}, wanted an object`);
  for (const method of METHODS) {
    const found: unknown = Reflect.get(instance, method);
    if (found !== undefined && typeof found !== "function") {
      throw new TypeError(`found ${name}.${method} to be ${show(found)}, wanted a method`);
    }
  }
  const module = instance as ModelModule; // every member was checked above; `signature` is decoded on its own
  if (module.infer === undefined && module.fetch === undefined) {
    throw new TypeError(`found neither infer() nor fetch() on ${name}, wanted at least one`);
  }
  return module;
}

function decodeSignature(instance: ModelModule, construct: Chosen["construct"]): ModuleSignature | undefined {
  const found: unknown = instance.signature ?? construct.signature;
  if (found === undefined || found === null) return undefined;
  if (typeof found !== "object") throw new TypeError(`found ${show(found)}, wanted {inputs, outputs}`);
  const inputs: unknown = Reflect.get(found, "inputs");
  const outputs: unknown = Reflect.get(found, "outputs");
  return { inputs: decodeTensors("inputs", inputs), outputs: decodeTensors("outputs", outputs ?? []) };
}

function decodeTensors(side: string, found: unknown): ModuleSignature["inputs"] {
  if (!Array.isArray(found)) throw new TypeError(`found ${show(found)} for ${side}, wanted a list`);
  const names = new Set<unknown>();
  return found.map((entry: unknown, index) => {
    const { name, datatype, shape } = isRecord(entry) ? entry : {};
    const place = `${side}[${index}]`;
    if (typeof name !== "string" || name === "")
      throw new TypeError(`found ${show(name)} for ${place}.name, wanted a text`);
    if (names.has(name)) throw new TypeError(`found "${name}" twice in ${side}`);
    names.add(name);
    if (!isDatatype(datatype))
      throw new TypeError(`found ${show(datatype)} for ${place}.datatype, wanted a V2 datatype such as FP32`);
    const sizes = Array.isArray(shape)
      ? shape.filter((size: unknown) => Number.isSafeInteger(size) && Number(size) >= -1)
      : [];
    if (!Array.isArray(shape) || sizes.length !== shape.length) {
      throw new TypeError(
        `found ${show(shape)} for ${place}.shape, wanted a list of whole numbers, -1 for any size`,
      );
    }
    return { name, datatype, shape: sizes.map(Number) };
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Runs a step of user code and names it when it throws (invariants 1 and 2). */
async function guard<T>(what: string, work: () => T | Promise<T>, spec: EngineSpec): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw failure(spec, `${what} failed: ${messageOf(thrown)}${await placeOf(thrown, spec.path)}`, thrown);
  }
}

function failure(spec: EngineSpec, what: string, cause?: unknown): ShoalError {
  const message = `Cannot load module "${basename(spec.path)}" of deployment "${spec.deployment}": ${what}`;
  return new ShoalError("MODEL_LOAD_FAILED", message, { cause });
}
