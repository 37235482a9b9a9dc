// What tests that look at processes share.

import { readdirSync, readFileSync } from "node:fs";

/** Whether no process with this id runs; one that ended and was not collected counts as gone. */
export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  return statOf(pid)?.state === "Z";
}

/** Ids of the running children of this process; on systems without /proc none can be seen. */
export function childPids(): number[] {
  return processIds().filter((pid) => {
    const stat = statOf(pid);
    return stat !== undefined && stat.parent === process.pid && stat.state !== "Z";
  });
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    // The name in brackets may hold anything; the fields start behind the last bracket.
    const [state = "", parent = ""] =
      readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
