// A config file against a typebox schema and rules: the typed value, or every fault with its place.
//
// 1. All faults at once: rules run also on a document that does not fit the schema, on what is there of it.
//    Only text that is not YAML at all keeps schema and rules from being asked.
// 2. One field, one complaint: where the schema has complained of a field, what rules say of it is dropped.
// 3. Nothing about a file is thrown: what is wrong with it is in the outcome.

import type { Static, TSchema } from "typebox";
import { Check } from "typebox/value";
import { type ConfigOutcome, type Fault, inFileOrder, type Position } from "./fault.ts";
import { type Field, toValue } from "./node.ts";
import { parseDocument } from "./parse-document.ts";
import { schemaFaults } from "./schema-faults.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Largest config file, in bytes. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/** What a rule says of a field: at the field's value, or at its key. */
export interface Complaint {
  readonly found: string;
  readonly wanted: string;
  /** `value` by default. */
  readonly at?: "key" | "value";
}

export type Report = (field: Field, complaint: Complaint) => void;

/**
 * What no schema can say, such as "this name is taken". A rule is given the document as it is, so it takes
 * nothing for granted about its shape, and complains of any number of fields.
 */
export type Rule = (root: Field, report: Report) => void;

export interface DecodeOptions<Schema extends TSchema> {
  /** The file's name in faults. */
  readonly file: string;
  readonly schema: Schema;
  /** None by default. */
  readonly rules?: readonly Rule[];
}

/** Decodes the text or the bytes of one YAML or JSON document of at most `MAX_CONFIG_BYTES`. */
export function decodeDocument<Schema extends TSchema>(
  source: string | Uint8Array,
  options: DecodeOptions<Schema>,
): ConfigOutcome<Static<Schema>> {
  const { file, schema, rules = [] } = options;
  const alone = (fault: Omit<Fault, "file" | "path">): ConfigOutcome<never> => ({
    kind: "faults",
    faults: [{ file, path: "", ...fault }],
  });
  const bytes = typeof source === "string" ? Buffer.byteLength(source) : source.byteLength;
  if (bytes > MAX_CONFIG_BYTES) {
    const wanted = `at most ${MAX_CONFIG_BYTES}`;
    return alone({ line: 1, column: 1, found: `${bytes} bytes`, wanted });
  }
  const text = decodeUtf8(source);
  if (text.kind === "malformed") return alone({ ...text.at, found: text.found, wanted: "UTF-8 text" });

  const { root, faults: parseFaults } = parseDocument(text.text, file);
  if (root === undefined) return { kind: "faults", faults: inFileOrder(parseFaults) };

  const field: Field = { path: "", node: root, keyAt: root };
  const faults: Fault[] = [...parseFaults];
  const place = (at: Position) => ({ file, line: at.line, column: at.column });
  const unusable = new Set(faults.map((fault) => fault.path));
  for (const { at, ...rest } of schemaFaults(schema, field)) {
    if (!unusable.has(rest.path)) faults.push({ ...place(at), ...rest });
  }
  const complained = new Set(faults.map((fault) => fault.path));
  for (const rule of rules) {
    rule(field, (of, { found, wanted, at }) => {
      if (complained.has(of.path)) return;
      faults.push({ ...place(at === "key" ? of.keyAt : of.node), path: of.path, found, wanted });
    });
  }
  if (faults.length > 0) return { kind: "faults", faults: inFileOrder(faults) };

  const value: unknown = toValue(root);
  if (Check(schema, value)) return { kind: "ok", value };
  return alone({ ...place(root), found: "a document that does not fit its schema", wanted: "one that does" });
}
