// Filters and the limit of `shoal list`, as Ray's: `--filter state=RUNNING --filter name!=warmup --limit 100`.
// Pure.
//
// 1. A filter that names no column is refused, it does not come out as an empty list.
// 2. Nothing is cut in silence: `note` says how many were.

import { ShoalError } from "../../base/index.ts";
import { FILTER_COLUMNS } from "./filter-columns.ts";
import type { RowKind, RowKinds } from "./rows.ts";

export interface RowFilter {
  /** A column of the row, `taskId`, or as Ray writes it, `task_id`. */
  readonly column: string;
  readonly operator: "=" | "!=";
  /** Compared without regard to case. Empty stands for "none". */
  readonly value: string;
}

export interface RowQuery {
  /** All must hold. */
  readonly filters?: readonly RowFilter[];
  /** Rows returned at most. Default 100. */
  readonly limit?: number;
}

export interface QueriedRows<Row> {
  readonly rows: readonly Row[];
  /** Rows looked at. */
  readonly total: number;
  /** Rows for which the filters hold. */
  readonly matched: number;
  /** For a person, when rows were cut; undefined when none were. */
  readonly note: string | undefined;
}

const DEFAULT_LIMIT = 100;

/** Reads `column=value` or `column!=value`. Throws INVALID_ARGUMENT on anything else. */
export function parseFilter(text: string): RowFilter {
  const parts = /^\s*([A-Za-z]\w*)\s*(!?=)\s*(.*?)\s*$/s.exec(text);
  const [, column, operator, value] = parts ?? [];
  if (column === undefined || value === undefined) {
    throw invalid(`Cannot filter by "${text}": wanted "column=value" or "column!=value"`);
  }
  return { column, operator: operator === "=" ? "=" : "!=", value };
}

/** The first rows for which every filter holds. Throws INVALID_ARGUMENT on an unknown column or a bad limit. */
export function queryRows<Kind extends RowKind>(
  kind: Kind,
  all: Iterable<RowKinds[Kind]>,
  { filters = [], limit = DEFAULT_LIMIT }: RowQuery = {},
): QueriedRows<RowKinds[Kind]> {
  if (!Number.isInteger(limit) || limit < 1) {
    throw invalid(`Cannot list ${limit} ${kind}: wanted a whole number from 1`);
  }
  const tests = filters.map((filter) => testOf<Kind>(kind, filter));
  const rows: RowKinds[Kind][] = [];
  let total = 0;
  let matched = 0;
  for (const row of all) {
    total++;
    if (!tests.every((holds) => holds(row))) continue;
    matched++;
    if (rows.length < limit) rows.push(row);
  }
  const cut = matched - rows.length;
  const note =
    cut === 0
      ? undefined
      : `${rows.length} of ${matched} ${kind} shown, ${cut} cut: raise the limit or filter`;
  return { rows, total, matched, note };
}

function testOf<Kind extends RowKind>(kind: Kind, filter: RowFilter): (row: RowKinds[Kind]) => boolean {
  const wanted = filter.column.replaceAll("_", "").toLowerCase();
  const column = FILTER_COLUMNS[kind].find((name) => name.toLowerCase() === wanted);
  // Invariant 1.
  if (column === undefined) {
    throw invalid(
      `Cannot filter ${kind} by "${filter.column}": wanted one of ${FILTER_COLUMNS[kind].join(", ")}`,
    );
  }
  const value = filter.value.toLowerCase();
  return (row) => (textOf(row[column]) === value) === (filter.operator === "=");
}

/** "None" is empty; a column that a filter may name holds text, a number or a truth. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value.toLowerCase();
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function invalid(message: string): ShoalError {
  return new ShoalError("INVALID_ARGUMENT", message);
}
