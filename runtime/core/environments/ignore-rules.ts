// What of a folder is left out, by the rules of `.gitignore`.
//
// 1. The last rule that fits decides; `!` takes back. Rules of a folder come after those of the folders above it.
// 2. What is in a folder that is left out is never looked at, so it cannot be taken back.

interface Rule {
  readonly taken: boolean;
  readonly foldersOnly: boolean;
  readonly fits: RegExp;
}

export class IgnoreRules {
  readonly #rules: readonly Rule[];

  private constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** `folder` is where the lines hold: "" for the top, else a path with a slash at its end. */
  static of(lines: readonly string[], folder = ""): IgnoreRules {
    return new IgnoreRules(lines.flatMap((line) => ruleOf(line, folder)));
  }

  /** These, then `later` ones (invariant 1). */
  with(later: IgnoreRules): IgnoreRules {
    return new IgnoreRules([...this.#rules, ...later.#rules]);
  }

  /** Whether `path`, relative to the top with slashes, is left out. */
  ignores(path: string, isFolder: boolean): boolean {
    const rule = this.#rules.findLast(
      ({ foldersOnly, fits }) => (isFolder || !foldersOnly) && fits.test(path),
    );
    return rule !== undefined && !rule.taken;
  }
}

function ruleOf(line: string, folder: string): Rule[] {
  let pattern = line.replace(/\r$/, "").replace(/(?<!\\)[ \t]+$/, "");
  if (pattern === "" || pattern.startsWith("#")) return [];
  const taken = pattern.startsWith("!");
  if (taken) pattern = pattern.slice(1);
  const foldersOnly = pattern.endsWith("/");
  if (foldersOnly) pattern = pattern.slice(0, -1);
  // A slash anywhere but at the end ties the pattern to its folder.
  const anchored = pattern.includes("/");
  if (pattern.startsWith("/")) pattern = pattern.slice(1);
  if (pattern === "") return [];
  const text = `^${escaped(folder)}${anchored ? "" : "(?:.*/)?"}${expressionOf(pattern)}$`;
  try {
    return [{ taken, foldersOnly, fits: new RegExp(text, "s") }];
  } catch {
    return []; // a range the wrong way round fits nothing
  }
}

function expressionOf(pattern: string): string {
  let expression = "";
  for (let at = 0; at < pattern.length; at++) {
    const rest = pattern.slice(at);
    const stars = /^(?:\*\*\/|\/\*\*$|\*+)/.exec(rest)?.[0];
    const set = /^\[(!|\^)?(\]?[^\]]*)\]/.exec(rest);
    if (stars !== undefined) {
      expression += starsOf(stars, at === 0 || pattern[at - 1] === "/");
      at += stars.length - 1;
    } else if (rest.startsWith("?")) expression += "[^/]";
    else if (set !== null) {
      expression += `(?!/)[${set[1] === undefined ? "" : "^"}${(set[2] ?? "").replace(/[\\\]^]/g, "\\$&")}]`;
      at += set[0].length - 1;
    } else if (rest.startsWith("\\") && rest.length > 1) expression += escaped(pattern[++at] ?? "");
    else expression += escaped(rest[0] ?? "");
  }
  return expression;
}

/** Two stars stand for folders only when they are a whole part of the path. */
function starsOf(stars: string, whole: boolean): string {
  if (stars === "**/") return whole ? "(?:.*/)?" : "[^/]*/";
  if (stars === "/**") return "/.*";
  return stars.length > 1 && whole ? ".*" : "[^/]*";
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
