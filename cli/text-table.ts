// Rows of text under their titles, as wide as they need to be.
//
// 1. A row is one line, and tells the terminal nothing: names are what users and their programs chose.

import { styleText } from "node:util";

export function textTable(head: readonly string[], told: readonly (readonly string[])[]): string {
  const rows = told.map((row) => row.map(oneLine)); // invariant 1
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [styleText("bold", line(head)), ...rows.map(line)].join("\n");
}

/** With control characters written out, such as `\\x1b`. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what it is about
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (control) => {
    if (control === "\n") return "\\n";
    return `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
