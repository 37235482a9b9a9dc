// A mix of request classes from a JSON file.

import { readFile } from "node:fs/promises";
import type { RequestClass } from "./request-class.ts";

const KEYS = ["name", "url", "method", "headers", "body", "weight", "timeoutMs"];

/** Reads `[{ "url": …, … }, …]`. Throws an Error that names the file, the field, what was found and wanted. */
export async function readClasses(path: string): Promise<readonly RequestClass[]> {
  const text = await readFile(path, "utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot read classes "${path}": ${message}`, { cause: error });
  }
  if (!Array.isArray(value)) throw new Error(`Cannot use classes "${path}": wanted a list`);
  return value.map((item: unknown, index) => classOf(item, `[${index}] of classes "${path}"`));
}

function classOf(value: unknown, where: string): RequestClass {
  if (typeof value !== "object" || value === null) throw new Error(`Cannot use ${where}: wanted an object`);
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw new Error(`Cannot use ${where}: found "${unknown}", wanted ${KEYS.join(", ")}`);
  const fields = new Map<string, unknown>(Object.entries(value));
  const pick = <T>(
    key: string,
    type: string,
    is: (found: unknown) => found is T,
  ): { readonly [key: string]: T } => {
    const found = fields.get(key);
    if (found === undefined) return {};
    if (!is(found))
      throw new Error(`Cannot use ${key} of ${where}: found ${JSON.stringify(found)}, wanted ${type}`);
    return { [key]: found };
  };
  const { url } = pick("url", "a text", isText);
  if (url === undefined) throw new Error(`Cannot use ${where}: it has no url`);
  const body = fields.get("body");
  const { headers = {} } = pick("headers", "an object of texts", areTexts);
  const isTyped = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
  return {
    ...pick("name", "a text", isText),
    ...pick("method", "a text", isText),
    ...pick("weight", "a number", isNumber),
    ...pick("timeoutMs", "a number", isNumber),
    url,
    headers: body === undefined || isTyped ? headers : { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: isText(body) ? body : JSON.stringify(body) }),
  };
}

function isText(found: unknown): found is string {
  return typeof found === "string";
}

function isNumber(found: unknown): found is number {
  return typeof found === "number";
}

function areTexts(found: unknown): found is Readonly<Record<string, string>> {
  return (
    typeof found === "object" && found !== null && !Array.isArray(found) && Object.values(found).every(isText)
  );
}
