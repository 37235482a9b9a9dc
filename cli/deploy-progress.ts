// Waits for what becomes of releases, and tells each change of their deployments as it comes.

import { setTimeout as sleep } from "node:timers/promises";
import type { ApplicationStatusView, DeployView, ServeStatusView } from "../gateway/index.ts";
import { CommandError, EXIT } from "./exit-codes.ts";
import { leftBehind } from "./left-behind.ts";
import { askServer, type ServerRecord } from "./server-record.ts";
import { statusLine } from "./status-line.ts";

/** How often the server is asked. */
const POLL_MS = 200;

/** Throws what ends the command with FAILED when one of them does not come to run. */
export async function followDeploy(
  record: ServerRecord,
  { applications }: DeployView,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<void> {
  const waiting = new Map(
    applications.flatMap(({ application, release }) =>
      release === undefined ? [] : [[application, release] as const],
    ),
  );
  const said = new Map<string, string>();
  const failures: string[] = [];
  const untilMs = Date.now() + timeoutMs;
  for (;;) {
    const status = await askServer<ServeStatusView>(record, {
      method: "GET",
      path: "/api/serve/applications/",
    });
    for (const [application, release] of waiting) {
      const view = status.applications[application];
      if (view !== undefined) tell(view, said);
      const end = endOf(view, release);
      if (end === undefined) continue;
      waiting.delete(application);
      if (end !== "") failures.push(`✗ ${application} release ${release} ${end}`);
    }
    if (waiting.size === 0) break;
    if (Date.now() > untilMs) {
      const open = [...waiting].map(([application, release]) => `${application} release ${release}`);
      failures.push(`Still deploying after ${timeoutMs / 1_000} s: ${open.join(", ")}. It goes on.`);
      break;
    }
    await sleep(POLL_MS);
  }
  if (failures.length > 0) throw new CommandError(EXIT.FAILED, failures.join("\n"));
}

/** Empty when it runs, why not when it will not; undefined while that is open. */
function endOf(view: ApplicationStatusView | undefined, release: number): string | undefined {
  const now = view?.release;
  if (view === undefined || now === undefined || now === null) return "was removed meanwhile";
  if (now.release !== release) return `gave way to release ${now.release}`;
  if (now.outcome === "deploying") return undefined;
  if (now.outcome === "running") return "";
  const lines = Object.values(view.deployments).flatMap(({ log_lines: lines }) => lines);
  const left = leftBehind(view);
  return [
    `failed: ${now.reason}`,
    ...lines.map((line) => `  | ${line}`),
    ...(left === undefined ? [] : [`  ${left}`]),
  ].join("\n");
}

/** Each deployment's line, when it is another than before. */
function tell({ deployments }: ApplicationStatusView, said: Map<string, string>): void {
  for (const { name, status, message } of Object.values(deployments)) {
    const line = statusLine(name, { state: status, message });
    if (said.get(name) === line) continue;
    said.set(name, line);
    console.log(line);
  }
}
