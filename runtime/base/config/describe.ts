// The words for what a config document holds and for what a schema wants.

import type { TSchema } from "typebox";
import { quote } from "./fault.ts";
import type { ConfigNode } from "./node.ts";

/** The JSON Schema keywords we read. */
export interface Keywords {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: TSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly TSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  /** What to say is wanted, where the other keywords do not say it well. */
  readonly "x-wanted"?: string;
}

/** True when `node` is of the JSON Schema type `type`. */
export function typeNamed(type: string, node: ConfigNode): boolean {
  if (node.kind === "map") return type === "object";
  if (node.kind === "list") return type === "array";
  if (type === "integer") return Number.isSafeInteger(node.value);
  return node.value === null ? type === "null" : typeof node.value === type;
}

/** What stands in the file, to follow "found". */
export function describeNode(node: ConfigNode): string {
  if (node.kind === "map") return node.entries.size === 0 ? "an empty map" : "a map";
  if (node.kind === "list") return node.items.length === 0 ? "an empty list" : "a list";
  if (typeof node.value === "string") return quote(node.value);
  return node.text === "" ? "nothing" : node.text.slice(0, 80);
}

/** What a schema takes, to follow "wanted". */
export function describeSchema(schema: TSchema): string {
  const keywords: Keywords = schema;
  if (keywords["x-wanted"] !== undefined) return keywords["x-wanted"];
  if (keywords.anyOf !== undefined) return keywords.anyOf.map(describeSchema).join(", or ");
  if (keywords.const !== undefined) return JSON.stringify(keywords.const);
  if (keywords.enum !== undefined)
    return `one of ${keywords.enum.map((one) => JSON.stringify(one)).join(", ")}`;
  switch (keywords.type) {
    case "integer":
      return `a whole number${describeRange(keywords)}`;
    case "number":
      return `a number${describeRange(keywords)}`;
    case "string":
      return describeString(keywords);
    case "boolean":
      return "true or false";
    case "array":
      return keywords.minItems === undefined ? "a list" : `a list of at least ${keywords.minItems}`;
    case "object":
      return "a map";
    case "null":
      return "null";
    case undefined:
    default:
      return "a value";
  }
}

function describeRange({ minimum, maximum, exclusiveMinimum }: Keywords): string {
  const above = exclusiveMinimum === undefined ? "" : ` above ${exclusiveMinimum}`;
  const from = minimum === undefined ? "" : ` from ${minimum}`;
  const to = maximum === undefined ? "" : `${from === "" && above !== "" ? " up" : ""} to ${maximum}`;
  return `${above}${from}${to}`;
}

function describeString({ minLength, maxLength, pattern }: Keywords): string {
  if (pattern !== undefined) return `text matching ${pattern}`;
  if (maxLength !== undefined) return `text of ${minLength ?? 0} to ${maxLength} characters`;
  return minLength === undefined ? "text" : `text of at least ${minLength} characters`;
}
