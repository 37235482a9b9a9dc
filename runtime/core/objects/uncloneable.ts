// Which member of a value keeps it from being sent. Runs only after sending failed.

import { types } from "node:util";

/** Such as `[0].model.run is a function`; undefined when nothing is found. */
export function findUncloneable(value: unknown): string | undefined {
  return find(value, "", new Set());
}

function find(value: unknown, path: string, seen: Set<object>): string | undefined {
  const where = path === "" ? "it" : path;
  if (typeof value === "function") return `${where} is a function`;
  if (typeof value === "symbol") return `${where} is a symbol`;
  if (typeof value !== "object" || value === null || seen.has(value)) return undefined;
  seen.add(value);
  if (types.isProxy(value)) return `${where} is a proxy`;
  if (value instanceof Promise) return `${where} is a promise`;
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
    return `${where} is a ${value.constructor.name}`;
  }
  if (value instanceof Map) {
    for (const [key, item] of value) {
      const inside = find(key, `a key of ${where}`, seen) ?? find(item, `${path}.get(${String(key)})`, seen);
      if (inside !== undefined) return inside;
    }
    return undefined;
  }
  if (value instanceof Set) {
    for (const item of value) {
      const inside = find(item, `an item of ${where}`, seen);
      if (inside !== undefined) return inside;
    }
    return undefined;
  }
  if (ArrayBuffer.isView(value)) return undefined;
  for (const key of Object.keys(value)) {
    const member = Array.isArray(value) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    let item: unknown;
    try {
      item = Reflect.get(value, key);
    } catch {
      return `${member} throws when it is read`;
    }
    const inside = find(item, member, seen);
    if (inside !== undefined) return inside;
  }
  return undefined;
}
