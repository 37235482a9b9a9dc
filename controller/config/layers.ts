// One config out of one file or of several, each laid over those before it: `base.yaml prod.yaml`.
//
// 1. A fault is told where somebody can mend it: in the file, and at the line, that the value came from.
// 2. A path belongs to the file that names it, whichever file that is laid over.

import { dirname, resolve } from "node:path";
import { Type } from "typebox";
import {
  type ConfigOutcome,
  decodeDocument,
  type Field,
  fieldOf,
  fieldsOf,
  readConfigFile,
} from "../../runtime/base/config/index.ts";
import { decodeConfig, decodeFile } from "./load.ts";
import { mergeOver, type Place, type Sourced, sourced, valueOf } from "./merge.ts";
import { hasEnding, MODULE_ENDINGS, parseModuleReference, resolvePath } from "./source-path.ts";
import type { ServeConfig } from "./types.ts";

type Fault = Extract<ConfigOutcome<never>, { readonly kind: "faults" }>["faults"][number];

export interface LayeredConfig {
  readonly config: ServeConfig;
  /** All files as one: the bytes of the only one, or JSON. */
  readonly text: string | Uint8Array;
  /** The first file, whose folder relative paths in `text` start from. */
  readonly file: string;
  /** Absolute. */
  readonly directory: string;
  /** A fault of `text`, where the files have it (invariant 1). */
  readonly place: (fault: Fault) => Fault;
}

/** Reads, merges and decodes; a file that cannot be read is a fault like any other. `paths` has at least one. */
export async function loadLayers(paths: readonly string[]): Promise<ConfigOutcome<LayeredConfig>> {
  const read = await Promise.all(paths.map(async (path) => [path, await readConfigFile(path)] as const));
  const [file = "", ...overlays] = paths;
  const directory = dirname(resolve(file));
  const layers: Sourced[] = [];
  for (const [path, bytes] of read) {
    if (bytes.kind === "faults") return bytes;
    if (overlays.length === 0) {
      const decoded = decodeConfig(bytes.value, { file });
      if (decoded.kind === "faults") return decoded;
      return {
        kind: "ok",
        value: { config: decoded.value, text: bytes.value, file, directory, place: (fault) => fault },
      };
    }
    const layer = parse(path, bytes.value);
    if (layer.kind === "faults") return layer;
    layers.push(dirname(resolve(path)) === directory ? layer.value : withOwnPaths(layer.value, path));
  }
  return merged(layers, file, directory);
}

function merged(layers: readonly Sourced[], file: string, directory: string): ConfigOutcome<LayeredConfig> {
  const [base, ...overlays] = layers;
  const all = overlays.reduce<Sourced | undefined>((under, over) => mergeOver(under, over), base);
  const text = JSON.stringify(all === undefined ? null : valueOf(all));
  const places = all === undefined ? [] : placesOf(all, text);
  const place = (fault: Fault): Fault => placed(fault, places);
  const decoded = decodeConfig(text, { file });
  if (decoded.kind === "faults") return { kind: "faults", faults: decoded.faults.map(place) };
  return { kind: "ok", value: { config: decoded.value, text, file, directory, place } };
}

function parse(file: string, bytes: Uint8Array): ConfigOutcome<Sourced> {
  const captured: Field[] = [];
  const capture = (root: Field): void => void captured.push(root);
  const decoded = decodeDocument(bytes, { file, schema: Type.Unknown(), rules: [capture] });
  if (decoded.kind === "faults") return decoded;
  const [root] = captured;
  return root === undefined
    ? { kind: "faults", faults: [] }
    : { kind: "ok", value: sourced(root.node, file) };
}

interface PlacedField {
  readonly field: Field;
  readonly key: Place;
  readonly value: Place;
}

/** Each field of the merged text beside where it came from. */
function placesOf(all: Sourced, text: string): PlacedField[] {
  const places: PlacedField[] = [];
  const walk = (field: Field, node: Sourced, key: Place): void => {
    places.push({ field, key, value: node.at });
    if (node.kind === "map") {
      for (const [name, entry] of node.entries) {
        const inner = fieldOf(field, name);
        if (inner !== undefined) walk(inner, entry.node, entry.keyAt);
      }
    } else if (node.kind === "list") {
      const inner = fieldsOf(field);
      for (const [index, item] of node.items.entries()) {
        const of = inner[index];
        if (of !== undefined) walk(of, item, item.at);
      }
    }
  };
  decodeFile(text, { file: "", rules: [(root) => walk(root, all, all.at)] });
  return places;
}

/** The longest path that the files have: what is missing is told of what it is missing in. */
function placed(fault: Fault, places: readonly PlacedField[]): Fault {
  const fitting = places.filter(({ field: { path } }) => fault.path === path || isUnder(fault.path, path));
  const best = fitting.reduce<PlacedField | undefined>(
    (longest, one) =>
      longest === undefined || one.field.path.length > longest.field.path.length ? one : longest,
    undefined,
  );
  if (best === undefined) return fault;
  const { keyAt, node } = best.field;
  const atKey = fault.column === keyAt.column && fault.column !== node.column;
  return { ...fault, ...(atKey ? best.key : best.value) };
}

function isUnder(path: string, above: string): boolean {
  return above === "" || (path.startsWith(above) && /^[.[]/.test(path.slice(above.length)));
}

/** Invariant 2. */
function withOwnPaths(layer: Sourced, file: string): Sourced {
  const directory = dirname(resolve(file));
  const inEach = (node: Sourced, key: string, change: (item: Sourced) => Sourced): Sourced => {
    const entry = node.kind === "map" ? node.entries.get(key) : undefined;
    if (node.kind !== "map" || entry?.node.kind !== "list") return node;
    const list = { ...entry.node, items: entry.node.items.map(change) };
    return { ...node, entries: new Map([...node.entries, [key, { ...entry, node: list }]]) };
  };
  const absolute = (map: Sourced): Sourced => {
    if (map.kind !== "map") return map;
    const entries = [...map.entries].map(([key, entry]) => {
      const { node } = entry;
      if (SECTIONS_WITH_PATHS.has(key)) return [key, { ...entry, node: absolute(node) }] as const;
      if (node.kind !== "scalar" || typeof node.value !== "string") return [key, entry] as const;
      const value = absolutePath(key, node.value, directory);
      return [key, { ...entry, node: { ...node, value } }] as const;
    });
    return { ...map, entries: new Map(entries) };
  };
  const ofApplication = (application: Sourced): Sourced =>
    inEach(absolute(application), "deployments", absolute);
  return inEach(absolute(layer), "applications", ofApplication);
}

/** Maps with paths in them. */
const SECTIONS_WITH_PATHS: ReadonlySet<string> = new Set([
  "autoscaling_config",
  "autoscaling_policy",
  "keda_options",
  "tls",
]);
const FILES: ReadonlySet<string> = new Set(["model", "cert_file", "key_file", "client_ca_file"]);
/** With the name of an export, or without. */
const MODULES: ReadonlySet<string> = new Set(["module", "policy", "policy_function"]);

function absolutePath(key: string, value: string, directory: string): string {
  // What no path may look like stays as it is: the schema says what is wrong with it.
  if (value === "" || /^[A-Za-z][A-Za-z0-9+.-]+:\/\//.test(value)) return value;
  if (FILES.has(key)) return resolvePath(directory, value);
  if (!MODULES.has(key)) return value;
  const { path, exportName } = parseModuleReference(value);
  if (key !== "module" && !hasEnding(path, MODULE_ENDINGS)) return value; // one of ours, by its name
  const absolute = resolvePath(directory, path);
  return exportName === undefined ? absolute : `${absolute}:${exportName}`;
}
