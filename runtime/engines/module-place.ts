// Where in a user's module something went wrong: ` (at model.ts:12)`.

import { execFile } from "node:child_process";
import { basename } from "node:path";

const CHECK_TIMEOUT_MS = 5000;

/** Empty when neither the stack nor Node's syntax check passes through the module. */
export async function placeOf(thrown: unknown, path: string): Promise<string> {
  if (!(thrown instanceof Error)) return "";
  const place = placeIn(thrown.stack ?? "", path);
  // V8 prints where a JavaScript module does not parse but puts it nowhere in the error.
  return place === "" && thrown instanceof SyntaxError ? placeIn(await syntaxCheck(path), path) : place;
}

function placeIn(text: string, path: string): string {
  const name = basename(path);
  const from = text.indexOf(`/${name}:`);
  const line = from < 0 ? undefined : /^\d+/.exec(text.slice(from + name.length + 2))?.[0];
  return line === undefined ? "" : ` (at ${name}:${line})`;
}

/** What `node --check` has to say; it parses and runs nothing. */
function syntaxCheck(path: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, ["--check", path], { timeout: CHECK_TIMEOUT_MS }, (_error, _out, report) =>
      resolve(report),
    );
  });
}
