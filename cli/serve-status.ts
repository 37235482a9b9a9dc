// `shoal serve status`: what the running server serves, as a table or as JSON.

import { Command } from "commander";
import type { ApplicationStatusView, DeploymentStatusView, ServeStatusView } from "../gateway/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { leftBehind } from "./left-behind.ts";
import { adminPortOption } from "./options.ts";
import { askServer, findServer } from "./server-record.ts";
import { textTable } from "./text-table.ts";

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
  const view = await askServer<ServeStatusView>(record, {
    method: "GET",
    path: "/api/serve/applications/",
  });
  console.log(
    options.json ? JSON.stringify(view, null, 2) : `${record.url} (process ${view.pid})\n${table(view)}`,
  );
  const left = Object.values(view.applications).map(leftBehind);
  for (const sentence of options.json ? [] : left) if (sentence !== undefined) console.log(sentence);
  const allRun = Object.values(view.applications).every(({ status: state }) => state === "RUNNING");
  if (options.check && !allRun) throw new CommandError(EXIT.FAILED, "");
}

const HEAD = [
  "application",
  "route",
  "release",
  "deployment",
  "status",
  "replicas",
  "queued",
  "open",
  "message",
] as const;

function table({ applications }: ServeStatusView): string {
  return textTable(HEAD, Object.values(applications).flatMap(rowsOf));
}

/** One a deployment; one for an application that has none to show. */
function rowsOf(application: ApplicationStatusView): string[][] {
  const { name, route_prefix: route, release, status: state, message } = application;
  const which = release === null ? "-" : `${release.release} ${release.outcome}`;
  const deployments = Object.values(application.deployments);
  if (deployments.length === 0) return [[name, route, which, "-", state, "-", "-", "-", message]];
  return deployments.map((deployment) => [name, route, which, ...cellsOf(deployment)]);
}

function cellsOf(deployment: DeploymentStatusView): string[] {
  const { name, status: state, message, replicas, target_num_replicas: target } = deployment;
  const told = [message, deployment.scaling_fault ?? ""].filter((text) => text !== "").join("; ");
  const running = replicas.filter((replica) => replica.state === "RUNNING").length;
  const { queued_requests: queued, open_requests: open } = deployment;
  return [name, state, `${running}/${target}`, String(queued), String(open), told];
}
