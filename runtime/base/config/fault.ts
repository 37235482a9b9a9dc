// What is wrong in a config file, where, and what was wanted instead; and the one line a person reads of it.
//
// 1. A line is always one line: whatever comes from the file is quoted and shortened before it is shown.

/** A place in a file, both counted from 1; columns are UTF-16 code units, as editors count them. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Fault extends Position {
  /** The file as the user named it. */
  readonly file: string;
  /** The field, such as `applications[0].deployments[1].num_replicas`; empty for the whole document. */
  readonly path: string;
  /** What is there, ready to follow the word "found". */
  readonly found: string;
  /** What should be there, ready to follow the word "wanted". */
  readonly wanted: string;
}

/** Either the decoded value or every fault of the document, in the order of the file. */
export type ConfigOutcome<Value> =
  | { readonly kind: "ok"; readonly value: Value }
  | { readonly kind: "faults"; readonly faults: readonly Fault[] };

/** `shoal.yaml:7:22: found "two" at applications[0].deployments[0].num_replicas, wanted a whole number from 1`. */
export function formatFault(fault: Fault): string {
  const where = fault.path === "" ? "" : ` at ${fault.path}`;
  return `${fault.file}:${fault.line}:${fault.column}: found ${fault.found}${where}, wanted ${fault.wanted}`;
}

/** All faults, one a line. */
export function formatFaults(faults: readonly Fault[]): string {
  return faults.map(formatFault).join("\n");
}

/** Orders faults as a reader of the file meets them; faults of one place keep their order. */
export function inFileOrder(faults: readonly Fault[]): Fault[] {
  return faults.toSorted((one, other) => one.line - other.line || one.column - other.column);
}

const MAX_QUOTED = 80;

/** Text of the file made fit for one line (invariant 1): quoted, escaped, at most 80 characters of it. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text);
}

/** The path of `key` under `path`: `a.b`, or `a["b c"]` when the key is not a plain word. */
export function keyPath(path: string, key: string): string {
  if (!/^[\w$-]{1,80}$/.test(key)) return `${path}[${quote(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}
