// Lines of a stack, without those that are the runtime's own and Node's.
//
// 1. When nothing else is left, all are kept: a worker can be blocked in there too.

const OWN = new URL("../", import.meta.url).href;
const MAX_FRAMES = 50;

/** As in `Error.stack`; lines and columns count from 1. */
export function lineOf(
  functionName: string,
  url: string,
  place: readonly [line: number, column: number],
): string {
  const where = `${url}:${place[0]}:${place[1]}`;
  return functionName === "" ? where : `${functionName} (${where})`;
}

/** The lines of an error's stack, the innermost first. */
export function framesOf(stack: string | undefined): string[] {
  const lines = (stack ?? "").split("\n").flatMap((line) => /^\s+at (.*)$/.exec(line)?.[1] ?? []);
  return usersFrames(lines);
}

export function usersFrames(lines: readonly string[]): string[] {
  const users = lines.filter((line) => !line.includes(OWN) && !/(?:^|\()node:|^new Promise /.test(line));
  return (users.length === 0 ? lines : users).slice(0, MAX_FRAMES); // invariant 1
}
