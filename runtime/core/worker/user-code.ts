// Loading a user's module, making instances of its classes, and what their methods give.

import { noteModule } from "../objects/index.ts";
import { saveCompileCacheSoon } from "./compile-cache.ts";
import { Refusal } from "./thrown.ts";
import type { FunctionName, MethodTable } from "../workers/messages.ts";

export type AnyFunction = (...args: unknown[]) => unknown;

const loaded = new Map<string, AnyFunction>();

/** The function or class a module exports. Rejects with what loading threw, or NOT_FOUND. */
export function loadExport({ module, exportName }: FunctionName): AnyFunction | Promise<AnyFunction> {
  const key = `${module} ${exportName}`;
  return loaded.get(key) ?? load(module, exportName, key);
}

async function load(module: string, exportName: string, key: string): Promise<AnyFunction> {
  noteModule(module);
  const namespace: Record<string, unknown> = await import(module);
  saveCompileCacheSoon();
  const found = namespace[exportName];
  if (typeof found !== "function") {
    throw new Refusal(
      "NOT_FOUND",
      `Cannot run "${exportName}": "${module}" exports no function of that name`,
    );
  }
  const callable = found as AnyFunction;
  loaded.set(key, callable);
  return callable;
}

/** `static start(...args)` where there is one, else the constructor. */
export async function makeInstance(
  found: AnyFunction,
  name: FunctionName,
  args: readonly unknown[],
): Promise<object> {
  const start: unknown = Reflect.get(found, "start");
  const instance: unknown = await (typeof start === "function"
    ? Reflect.apply(start, found, args)
    : Reflect.construct(found, args));
  if (typeof instance === "object" && instance !== null) return instance;
  throw new Refusal(
    "INVALID_ARGUMENT",
    `Cannot create actor: "${name.exportName}.start" returned no instance`,
  );
}

/** The methods of an instance, its class's and their parents'; `stop` is the runtime's to call. */
export function methodsOf(instance: object): MethodTable {
  const methods = new Set<string>();
  for (
    let level = instance;
    level !== Object.prototype && level !== null;
    level = Object.getPrototypeOf(level)
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value !== "function" || name === "constructor" || name === "stop") continue;
      methods.add(name);
    }
  }
  return [...methods];
}

export async function invokeOptional(instance: object, method: string): Promise<unknown> {
  const found: unknown = Reflect.get(instance, method);
  return typeof found === "function" ? await Reflect.apply(found, instance, []) : undefined;
}

export function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return (
    typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}

/** An iterable that is used up by reading; arrays, maps and sets are values. */
export function isIterator(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return isIterable(value) && (Symbol.asyncIterator in value || "next" in value);
}
