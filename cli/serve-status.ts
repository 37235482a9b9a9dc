// `shoal serve status`: what the running server serves, as a table or as JSON.

import { styleText } from "node:util";
import { Command } from "commander";
import type { DeploymentStatusView, ServeStatusView } from "../gateway/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption } from "./options.ts";
import { askServer, findServer } from "./server-record.ts";

export function serveStatusCommand(): Command {
  return new Command("status")
    .description("Show what the running server serves.")
    .option("--json", "print the whole status as JSON, in the shape of Ray Serve's REST API")
    .option("--check", "exit with 1 unless every application is RUNNING")
    .addOption(adminPortOption("which server, when several run"))
    .addHelpText("after", EXIT_HELP)
    .action(status);
}

async function status(options: {
  readonly json?: true;
  readonly check?: true;
  readonly adminPort?: number;
}): Promise<void> {
  const record = await findServer(options.adminPort);
  const view = await askServer<ServeStatusView>(record, "GET", "/api/serve/applications/");
  console.log(
    options.json ? JSON.stringify(view, null, 2) : `${record.url} (process ${view.pid})\n${table(view)}`,
  );
  const allRun = Object.values(view.applications).every(({ status: state }) => state === "RUNNING");
  if (options.check && !allRun) throw new CommandError(EXIT.FAILED, "");
}

function table({ applications }: ServeStatusView): string {
  const rows = Object.values(applications).flatMap((application) =>
    Object.values(application.deployments).map((deployment) =>
      rowOf(application.name, application.route_prefix, deployment),
    ),
  );
  const head = ["application", "route", "deployment", "status", "replicas", "queued", "open", "message"];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [styleText("bold", line(head)), ...rows.map(line)].join("\n");
}

function rowOf(application: string, route: string, deployment: DeploymentStatusView): string[] {
  const { name, status: state, message, replicas, target_num_replicas: target } = deployment;
  const running = replicas.filter((replica) => replica.state === "RUNNING").length;
  const { queued_requests: queued, open_requests: open } = deployment;
  return [application, route, name, state, `${running}/${target}`, String(queued), String(open), message];
}
