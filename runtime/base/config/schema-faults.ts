// Compares a config document with a JSON Schema and says of every difference what was found and what wanted.
//
// It reads the keywords that typebox writes for objects, records, lists, strings, numbers, enums and unions;
// a keyword it does not read is left to typebox's own check, which runs when this finds nothing. The keyword
// `x-wanted` replaces the description made from the others.

import type { TSchema } from "typebox";
import { describeNode, describeSchema, type Keywords, typeNamed } from "./describe.ts";
import { keyPath, type Position, quote } from "./fault.ts";
import { type ConfigNode, type Field, fieldOf, fieldsOf, type MapNode, type ScalarNode } from "./node.ts";
import { suggest } from "./suggest.ts";

export interface SchemaFault {
  readonly at: Position;
  readonly path: string;
  readonly found: string;
  readonly wanted: string;
}

/** Every difference between `field` and `schema`. */
export function schemaFaults(schema: TSchema, field: Field): SchemaFault[] {
  const keywords: Keywords = schema;
  if (keywords.anyOf !== undefined) return unionFaults(keywords, keywords.anyOf, field);
  if (!fits(keywords, field.node)) return [mismatch(keywords, field)];
  if (field.node.kind === "map") return mapFaults(keywords, field, field.node);
  const { items } = keywords;
  return items === undefined ? [] : fieldsOf(field).flatMap((item) => schemaFaults(items, item));
}

function mismatch(keywords: Keywords, field: Field): SchemaFault {
  return {
    at: field.node,
    path: field.path,
    found: describeNode(field.node),
    wanted: describeSchema(keywords),
  };
}

/** Fits one alternative, or tells the faults of the one whose type is right, or names them all. */
function unionFaults(keywords: Keywords, alternatives: readonly TSchema[], field: Field): SchemaFault[] {
  const outcomes = alternatives.map((alternative) => schemaFaults(alternative, field));
  if (outcomes.some((faults) => faults.length === 0)) return [];
  const within = outcomes.find((faults) => faults.every((fault) => fault.path !== field.path));
  return within ?? [mismatch(keywords, field)];
}

function fits(keywords: Keywords, node: ConfigNode): boolean {
  if (keywords.type !== undefined && !typeNamed(keywords.type, node)) return false;
  if (node.kind === "scalar") return scalarFits(keywords, node);
  if (keywords.enum !== undefined || keywords.const !== undefined) return false;
  if (node.kind === "map") return true;
  const { length } = node.items;
  return length >= (keywords.minItems ?? 0) && length <= (keywords.maxItems ?? Infinity);
}

function scalarFits(keywords: Keywords, node: ScalarNode): boolean {
  const { value } = node;
  if (keywords.enum !== undefined && !keywords.enum.includes(value)) return false;
  if (keywords.const !== undefined && keywords.const !== value) return false;
  if (typeof value === "number") {
    return (
      value >= (keywords.minimum ?? -Infinity) &&
      value <= (keywords.maximum ?? Infinity) &&
      value > (keywords.exclusiveMinimum ?? -Infinity)
    );
  }
  if (typeof value !== "string") return true;
  return (
    value.length >= (keywords.minLength ?? 0) &&
    value.length <= (keywords.maxLength ?? Infinity) &&
    (keywords.pattern === undefined || new RegExp(keywords.pattern, "u").test(value))
  );
}

function mapFaults(keywords: Keywords, field: Field, node: MapNode): SchemaFault[] {
  const { properties = {}, required = [], patternProperties = {} } = keywords;
  const faults: SchemaFault[] = [];
  for (const key of required) {
    const schema = properties[key];
    if (node.entries.has(key) || schema === undefined) continue;
    faults.push({
      at: node,
      path: keyPath(field.path, key),
      found: "nothing",
      wanted: describeSchema(schema),
    });
  }
  const patterns = Object.entries(patternProperties).map(([pattern, schema]) => ({
    pattern: new RegExp(pattern, "u"),
    schema,
  }));
  for (const [key, entry] of node.entries) {
    const schema = Object.hasOwn(properties, key)
      ? properties[key]
      : patterns.find(({ pattern }) => pattern.test(key))?.schema;
    const child = fieldOf(field, key);
    if (schema !== undefined && child !== undefined) faults.push(...schemaFaults(schema, child));
    else if (keywords.additionalProperties === false) {
      const path = keyPath(field.path, key);
      const wanted = wantedKey(key, Object.keys(properties));
      faults.push({ at: entry.keyAt, path, found: `the unknown key ${quote(key)}`, wanted });
    }
  }
  return faults;
}

function wantedKey(key: string, known: readonly string[]): string {
  const near = suggest(key, known);
  if (near !== undefined) return `a known key; did you mean ${quote(near)}?`;
  return known.length === 0 ? "a plain name" : `one of ${known.map(quote).join(", ")}`;
}
