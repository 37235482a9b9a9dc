// Plain text tables and numbers for people. Pure.

/** Rows under a heading; the first column is flush left, the others right. */
export function renderTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? "";
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  return [line(heading), line(widths.map((width) => "─".repeat(width))), ...rows.map(line)].join("\n");
}

/** A rate: `42,391`, and `58.3` below a hundred; a dash for what was not measured. */
export function showRate(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return "–";
  return perSecond >= 100 ? Math.round(perSecond).toLocaleString("en-US") : perSecond.toFixed(1);
}

export function showMs(ms: number): string {
  return Number.isFinite(ms) ? ms.toFixed(ms < 10 ? 3 : 1) : "–";
}

export function showRatio(ratio: number): string {
  return Number.isFinite(ratio) ? `${(ratio * 100).toFixed(0)} %` : "–";
}

export function showMegabytes(bytes: number): string {
  return Number.isFinite(bytes) ? (bytes / 2 ** 20).toFixed(1) : "–";
}
