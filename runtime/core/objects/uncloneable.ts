// Which member of a value keeps it from being sent. Runs only after sending failed.

import { types } from "node:util";

/** Such as `[0].model.run is a function`; undefined when nothing is found. `canClone` tries one object by itself. */
export function findUncloneable(value: unknown, canClone: (value: unknown) => boolean): string | undefined {
  const seen = new Set<object>();
  const find = (item: unknown, path: string): string | undefined => {
    const where = path === "" ? "it" : path;
    if (typeof item === "function") return `${where} is a function`;
    if (typeof item === "symbol") return `${where} is a symbol`;
    if (typeof item !== "object" || item === null || seen.has(item)) return undefined;
    seen.add(item);
    if (types.isProxy(item)) return `${where} is a proxy`;
    for (const [memberPath, read] of membersOf(item, path)) {
      let member: unknown;
      try {
        member = read();
      } catch {
        return `${memberPath} throws when it is read`;
      }
      const inside = find(member, memberPath);
      if (inside !== undefined) return inside;
    }
    return isData(item) || canClone(item) ? undefined : `${where} is ${nameOf(item)}`;
  };
  try {
    return find(value, "");
  } catch (thrown) {
    if (thrown instanceof RangeError) return "it is nested too deeply";
    throw thrown;
  }
}

function isData(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

function nameOf(value: object): string {
  const name: unknown = Reflect.get(value.constructor ?? {}, "name");
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "no data";
}

type Member = readonly [path: string, read: () => unknown];

function membersOf(value: object, path: string): Member[] {
  const where = path === "" ? "it" : path;
  if (value instanceof Map) {
    return [...value].flatMap(([key, item]): Member[] => [
      [`a key of ${where}`, () => key],
      [`${path}.get(${typeof key === "object" ? "…" : String(key)})`, () => item],
    ]);
  }
  if (value instanceof Set) return [...value].map((item): Member => [`an item of ${where}`, () => item]);
  if (ArrayBuffer.isView(value)) return [];
  return Object.keys(value).map(
    (key): Member => [memberPath(value, path, key), () => Reflect.get(value, key)],
  );
}

function memberPath(value: object, path: string, key: string): string {
  if (Array.isArray(value) && /^\d+$/.test(key)) return `${path}[${key}]`;
  if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}
