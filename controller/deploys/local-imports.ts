// Which files beside a module belong to it, by its text: what it imports by a relative path, and what it names as
// `new URL("./…", import.meta.url)`. What is computed while it runs is not seen, and packages are not followed.

import { dirname, resolve } from "node:path";

const IMPORT = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"'\n?#]+)/g;
const NEIGHBOUR = /\bnew\s+URL\(\s*["'`](\.{1,2}\/[^"'`\n?#$]+)["'`]\s*,\s*import\.meta\.url/g;

/** Absolute paths, each once. A path in a comment is one too: to look at a file too many does no harm. */
export function localImports(path: string, text: string): string[] {
  const named = [IMPORT, NEIGHBOUR].flatMap((pattern) => [...text.matchAll(pattern)]);
  return [...new Set(named.map(([, specifier = ""]) => resolve(dirname(path), specifier)))];
}

/** Whether a file may name others. */
export function isModule(path: string): boolean {
  return /\.[cm]?[jt]s$/.test(path);
}
