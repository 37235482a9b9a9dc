// Config files laid over each other, every value with the place it came from. Pure.
//
// 1. As JSON Merge Patch (RFC 7396): maps are merged deeply, `null` deletes, all else takes the place of what was there.
// 2. Applications, and the deployments of one, are merged by name: those of one name as maps, new ones behind.

import type { Field } from "../../runtime/base/config/index.ts";
import { DEFAULTS } from "./defaults.ts";

type Node = Field["node"];

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type Sourced = { readonly at: Place } & (
  | { readonly kind: "scalar"; readonly value: string | number | boolean | null }
  | { readonly kind: "list"; readonly items: readonly Sourced[] }
  | { readonly kind: "map"; readonly entries: ReadonlyMap<string, SourcedEntry> }
);

interface SourcedEntry {
  readonly keyAt: Place;
  readonly node: Sourced;
}

export function sourced(node: Node, file: string): Sourced {
  const place = ({ line, column }: { readonly line: number; readonly column: number }): Place => {
    return { file, line, column };
  };
  const at = place(node);
  switch (node.kind) {
    case "scalar":
      return { kind: "scalar", at, value: node.value };
    case "list":
      return { kind: "list", at, items: node.items.map((item) => sourced(item, file)) };
    case "map": {
      const entries = [...node.entries].map(([key, entry]) => {
        return [key, { keyAt: place(entry.keyAt), node: sourced(entry.node, file) }] as const;
      });
      return { kind: "map", at, entries: new Map(entries) };
    }
  }
}

/** Invariant 2: what names the items of a list, by the list's key. */
const NAMED_LISTS: Readonly<Record<string, string | undefined>> = {
  applications: DEFAULTS.application.name,
  deployments: "",
};

/** `key` is the one that both stand under. */
export function mergeOver(under: Sourced | undefined, over: Sourced, key = ""): Sourced {
  if (over.kind === "list" && under?.kind === "list" && Object.hasOwn(NAMED_LISTS, key))
    return { ...over, items: mergeByName(under.items, over.items, NAMED_LISTS[key] ?? "") };
  if (over.kind !== "map") return over;
  const entries = new Map(under?.kind === "map" ? under.entries : []);
  for (const [name, entry] of over.entries) {
    if (entry.node.kind === "scalar" && entry.node.value === null) {
      entries.delete(name); // invariant 1
    } else {
      entries.set(name, { ...entry, node: mergeOver(entries.get(name)?.node, entry.node, name) });
    }
  }
  return { ...over, entries };
}

function mergeByName(under: readonly Sourced[], over: readonly Sourced[], unnamed: string): Sourced[] {
  const items = [...under];
  for (const item of over) {
    const name = nameOf(item, unnamed);
    const index = name === "" ? -1 : items.findIndex((other) => nameOf(other, unnamed) === name);
    if (index === -1) items.push(mergeOver(undefined, item));
    else items[index] = mergeOver(items[index], item);
  }
  return items;
}

function nameOf(item: Sourced, unnamed: string): string {
  if (item.kind !== "map") return "";
  const name = item.entries.get("name")?.node;
  if (name === undefined) return unnamed;
  return name.kind === "scalar" ? String(name.value) : "";
}

export function valueOf(node: Sourced): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(valueOf);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, valueOf(entry.node)]));
}
