// A config document as a tree of plain nodes that know where they stand in the file, and the fields of it:
// a node together with the path that leads to it.
//
// 1. Nodes are shared where the file uses an alias, so a node has no path; a field has.
// 2. `size` counts nodes with every alias spelled out, so whoever builds the tree can bound what walking costs.

import { keyPath, type Position } from "./fault.ts";

export type Scalar = string | number | boolean | null;

interface Placed extends Position {
  /** Nodes from here down, aliases counted as often as they are used (invariant 2). */
  readonly size: number;
  /** Lists and maps within each other from here down: 0 for a scalar. Bounds what recursion may cost. */
  readonly height: number;
}

export interface ScalarNode extends Placed {
  readonly kind: "scalar";
  readonly value: Scalar;
  /** How the file spells it. */
  readonly text: string;
}

export interface ListNode extends Placed {
  readonly kind: "list";
  readonly items: readonly ConfigNode[];
}

export interface MapNode extends Placed {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, MapEntry>;
}

export interface MapEntry {
  readonly keyAt: Position;
  readonly node: ConfigNode;
}

export type ConfigNode = ScalarNode | ListNode | MapNode;

/** A node and how it was reached. */
export interface Field {
  readonly path: string;
  readonly node: ConfigNode;
  /** Where its key stands; for list items and the document, where the node itself stands. */
  readonly keyAt: Position;
}

/** The field under `key`; undefined when `field` is not a map or has no such key. */
export function fieldOf(field: Field | undefined, key: string): Field | undefined {
  if (field?.node.kind !== "map") return undefined;
  const entry = field.node.entries.get(key);
  return entry === undefined ? undefined : { path: keyPath(field.path, key), ...entry };
}

/** The items of a list, or the values of a map; none for anything else. */
export function fieldsOf(field: Field | undefined): Field[] {
  if (field?.node.kind === "map") {
    return [...field.node.entries].map(([key, entry]) => ({ path: keyPath(field.path, key), ...entry }));
  }
  if (field?.node.kind !== "list") return [];
  return field.node.items.map((node, index) => ({ path: `${field.path}[${index}]`, node, keyAt: node }));
}

/** The text of a string field; undefined for anything else. */
export function stringOf(field: Field | undefined): string | undefined {
  return typeof scalarOf(field) === "string" ? String(scalarOf(field)) : undefined;
}

/** The number of a number field; undefined for anything else. */
export function numberOf(field: Field | undefined): number | undefined {
  const value = scalarOf(field);
  return typeof value === "number" ? value : undefined;
}

/** The value of a scalar field; undefined for maps, lists and no field. */
export function scalarOf(field: Field | undefined): Scalar | undefined {
  return field?.node.kind === "scalar" ? field.node.value : undefined;
}

/** The plain value of a node. Keys become own properties whatever their name. */
export function toValue(node: ConfigNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(toValue);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toValue(entry.node)]));
}
