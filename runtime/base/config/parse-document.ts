// YAML 1.2 (and so JSON) text into a tree of placed nodes, or the faults that keep it from being one.
//
// 1. Nothing is thrown, whatever the text.

import { LineCounter, parseDocument as parseYaml } from "yaml";
import { messageOf } from "../errors.ts";
import { MAX_DEPTH, positionAt, TreeBuilder } from "./build-tree.ts";
import type { Fault } from "./fault.ts";
import type { ConfigNode } from "./node.ts";

/** Past the first few, what a YAML parser complains of is the echo of the first. */
const MAX_PARSE_FAULTS = 20;

export interface ParsedDocument {
  /** Undefined when the faults leave nothing to look at. */
  readonly root: ConfigNode | undefined;
  readonly faults: readonly Fault[];
}

export function parseDocument(text: string, file: string): ParsedDocument {
  const lines = new LineCounter();
  try {
    const document = parseYaml(text, {
      lineCounter: lines,
      // Set outright, so that a `%YAML 1.1` line in the file cannot bring back `yes` and merge keys.
      schema: "core",
      merge: false,
      resolveKnownTags: false,
      stringKeys: true,
      // We look for duplicates ourselves: in linear time, and with the path.
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: "error",
    });
    const broken = [...document.errors, ...document.warnings];
    const exhausted = broken.find((error) => error.code === "RESOURCE_EXHAUSTION");
    if (broken.length > 0) {
      const faults = (exhausted === undefined ? broken.slice(0, MAX_PARSE_FAULTS) : [exhausted]).map(
        (error) => ({
          file,
          ...positionAt(lines, error.pos[0]),
          path: "",
          ...describeError(error.code, error.message),
        }),
      );
      return { root: undefined, faults };
    }
    const builder = new TreeBuilder(file, lines);
    const root = builder.build(document.contents, { path: "", depth: 0 });
    return { root: builder.tooLarge ? undefined : root, faults: builder.faults };
  } catch (thrown) {
    const found = `text that cannot be read as YAML (${messageOf(thrown).slice(0, 200)})`;
    return { root: undefined, faults: [{ file, line: 1, column: 1, path: "", found, wanted: "YAML" }] };
  }
}

function describeError(code: string, message: string): Pick<Fault, "found" | "wanted"> {
  if (code === "MULTIPLE_DOCS") return { found: "a second document", wanted: "one document in a file" };
  if (code === "RESOURCE_EXHAUSTION") return { found: "too many levels", wanted: `at most ${MAX_DEPTH}` };
  if (code === "NON_STRING_KEY") return { found: "a key that is not text", wanted: "a name" };
  if (code === "TAG_RESOLVE_FAILED") return { found: "a YAML tag", wanted: "plain values without tags" };
  return { found: `malformed YAML (${message.replace(/\s+/g, " ")})`, wanted: "well-formed YAML" };
}
