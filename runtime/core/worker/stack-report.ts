// What this worker tells of its tasks: what each waits for, and what its event loop waits for in all.
//
// 1. What the process had open at its start is the runtime's own and not told.

import type { StackReport, WaitReport } from "../workers/messages.ts";

const OWN = countResources();

export function reportStack(
  request: number,
  tasks: readonly Omit<StackReport["tasks"][number], "waits">[],
  waits: readonly WaitReport[],
): StackReport {
  const told = tasks.map((running) => ({
    ...running,
    waits: waits.filter(({ task }) => task === running.task),
  }));
  const resources: Record<string, number> = {};
  for (const [kind, count] of countResources()) {
    const more = count - (OWN.get(kind) ?? 0); // invariant 1
    if (more > 0) resources[kind] = more;
  }
  return { type: "stack", request, tasks: told, resources };
}

function countResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
