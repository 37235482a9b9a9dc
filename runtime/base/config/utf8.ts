// Bytes of a file as text, or the place where they stop being UTF-8.

import type { Position } from "./fault.ts";

export type TextOutcome =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "malformed"; readonly at: Position; readonly found: string };

/** Decodes UTF-8, with or without a byte order mark. Text that is a string already only loses its mark. */
export function decodeUtf8(source: string | Uint8Array): TextOutcome {
  if (typeof source === "string") return { kind: "text", text: source.replace(/^\uFEFF/, "") };
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(source);
  const again = Buffer.from(text);
  // A malformed sequence decodes to U+FFFD and so comes back as other bytes.
  const bad = again.equals(source) ? -1 : firstDifference(again, source);
  if (bad === -1) return { kind: "text", text: text.replace(/^\uFEFF/, "") };
  const before = new TextDecoder().decode(source.subarray(0, bad));
  const lines = before.split("\n");
  const byte = source[bad] ?? 0;
  return {
    kind: "malformed",
    at: { line: lines.length, column: (lines.at(-1) ?? "").length + 1 },
    found: `the byte 0x${byte.toString(16).padStart(2, "0").toUpperCase()}`,
  };
}

function firstDifference(one: Uint8Array, other: Uint8Array): number {
  let index = 0;
  while (index < one.byteLength && one[index] === other[index]) index++;
  return index;
}
