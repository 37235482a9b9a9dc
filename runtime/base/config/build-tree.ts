// The nodes of a YAML document as our own placed nodes.
//
// 1. What comes out is JSON data: string keys, finite numbers, no tags, no merge keys, no `__proto__`.
// 2. A small file cannot become a large value: aliases are counted as often as they are used, depth is bounded.

import { type Alias, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter } from "yaml";
import { type Fault, keyPath, type Position, quote } from "./fault.ts";
import type { ConfigNode, MapEntry, ScalarNode } from "./node.ts";

/** Nodes a document may have once its aliases are spelled out. */
export const MAX_NODES = 100_000;
/** Lists and maps that may stand within each other. */
export const MAX_DEPTH = 64;

export function positionAt(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  // An empty file has no lines to count.
  return line === 0 ? { line: 1, column: 1 } : { line, column: col };
}

const LEAF = { size: 1, height: 0 } as const;

interface Spot {
  readonly path: string;
  readonly depth: number;
}

export class TreeBuilder {
  readonly faults: Fault[] = [];
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, ConfigNode>();
  #size = 0;
  #tooLarge = false;

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  get tooLarge(): boolean {
    return this.#tooLarge;
  }

  build(node: unknown, spot: Spot): ConfigNode {
    const at = this.#position(node);
    const built = this.#buildAt(node, { ...spot, at });
    // Anchors are noted when they end, so an alias within its own anchor finds nothing and cannot loop.
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined) {
      this.#anchors.set(node.anchor, built);
    }
    return built;
  }

  #buildAt(node: unknown, spot: Spot & { at: Position }): ConfigNode {
    const { at, path, depth } = spot;
    if (isAlias(node)) return this.#alias(node, spot);
    this.#count(1, spot);
    this.#descend(isMap(node) || isSeq(node) ? depth + 1 : depth, spot);
    if (this.#tooLarge) return { kind: "scalar", ...at, value: null, text: "", ...LEAF };
    if (isMap(node)) return this.#map(node.items, spot);
    if (isSeq(node)) {
      const items = node.items.map((item, index) =>
        this.build(item, { path: `${path}[${index}]`, depth: depth + 1 }),
      );
      return { kind: "list", ...at, items, ...measure(items) };
    }
    return this.#scalar(node, spot);
  }

  #map(pairs: readonly { key: unknown; value: unknown }[], spot: Spot & { at: Position }): ConfigNode {
    const entries = new Map<string, MapEntry>();
    for (const { key, value } of pairs) {
      const keyAt = this.#position(key);
      const name = isScalar(key) && typeof key.value === "string" ? key.value : "";
      const path = keyPath(spot.path, name);
      const first = entries.get(name);
      if (first !== undefined) {
        this.#fault(
          { path, at: keyAt },
          `${quote(name)} again (first on line ${first.keyAt.line})`,
          "each key once",
        );
      } else if (name === "__proto__") {
        this.#fault({ path, at: keyAt }, "the key __proto__", "another name");
      } else if (name === "<<") {
        this.#fault(
          { path, at: keyAt },
          "a merge key (<<)",
          "the keys spelled out; YAML 1.2 has no merge keys",
        );
      } else {
        const entrySpot = { path, depth: spot.depth + 1 };
        // `key:` with nothing behind it stands where its key stands.
        const node = isNothing(value)
          ? { ...this.build(null, entrySpot), ...keyAt }
          : this.build(value, entrySpot);
        entries.set(name, { keyAt, node });
      }
    }
    const values = [...entries.values()].map((entry) => entry.node);
    return { kind: "map", ...spot.at, entries, ...measure(values) };
  }

  #alias(alias: Alias, spot: Spot & { at: Position }): ConfigNode {
    const target = this.#anchors.get(alias.source);
    if (target !== undefined) {
      this.#count(target.size, spot);
      this.#descend(spot.depth + target.height, spot);
      return { ...target, ...spot.at };
    }
    this.#fault(spot, `the alias *${quote(alias.source).slice(1, -1)}`, "an anchor of that name before it");
    return { kind: "scalar", ...spot.at, value: null, text: "", ...LEAF };
  }

  #scalar(node: unknown, spot: Spot & { at: Position }): ScalarNode {
    const value: unknown = isScalar(node) ? node.value : null;
    const text = isScalar(node) && node.source !== undefined ? node.source : "";
    const scalar = { kind: "scalar", ...spot.at, text, ...LEAF } as const;
    if (typeof value === "number") {
      if (
        !Number.isFinite(value) ||
        (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(text))
      ) {
        this.#fault(
          spot,
          text.slice(0, 80),
          "a number that a 64-bit float holds exactly; quote it if it is text",
        );
        return { ...scalar, value: 0 };
      }
      return { ...scalar, value };
    }
    return typeof value === "string" || typeof value === "boolean"
      ? { ...scalar, value }
      : { ...scalar, value: null };
  }

  #position(node: unknown): Position {
    return positionAt(this.#lines, isNode(node) ? (node.range?.[0] ?? 0) : 0);
  }

  /** Invariant 2. */
  #count(nodes: number, spot: Spot & { at: Position }): void {
    this.#size += nodes;
    if (this.#size <= MAX_NODES) return;
    this.#giveUp(
      spot,
      `more than ${MAX_NODES} values`,
      "a smaller document, aliases counted as often as used",
    );
  }

  /** Invariant 2. */
  #descend(depth: number, spot: Spot & { at: Position }): void {
    if (depth > MAX_DEPTH) this.#giveUp(spot, "too many levels", `at most ${MAX_DEPTH}`);
  }

  #giveUp(spot: Spot & { at: Position }, found: string, wanted: string): void {
    if (this.#tooLarge) return;
    this.#tooLarge = true;
    this.#fault(spot, found, wanted);
  }

  #fault(spot: { path: string; at: Position }, found: string, wanted: string): void {
    this.faults.push({ file: this.#file, ...spot.at, path: spot.path, found, wanted });
  }
}

function measure(children: readonly ConfigNode[]): Pick<ConfigNode, "size" | "height"> {
  return children.reduce(
    (sum, child) => ({ size: sum.size + child.size, height: Math.max(sum.height, child.height + 1) }),
    { size: 1, height: 1 },
  );
}

function isNothing(node: unknown): boolean {
  return (
    node === null || (isScalar(node) && node.value === null && (node.source ?? "") === "" && !node.anchor)
  );
}
