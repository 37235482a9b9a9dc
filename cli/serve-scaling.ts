// `shoal serve scaling <deployment>`: how many replicas it is to have, who decides that, and the decisions so far.

import { Command } from "commander";
import type { ScalingDecisionView, ScalingView, ServeStatusView } from "../gateway/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption } from "./options.ts";
import { askServer, findServer } from "./server-record.ts";
import { textTable } from "./text-table.ts";

export function serveScalingCommand(): Command {
  return new Command("scaling")
    .description("Show how many replicas a deployment is to have, and every decision with its reason.")
    .argument("<deployment>", "which deployment")
    .option("--json", "print JSON")
    .addOption(adminPortOption("which server, when several run"))
    .addHelpText("after", EXIT_HELP)
    .action(scaling);
}

async function scaling(
  deployment: string,
  options: { readonly json?: true; readonly adminPort?: number },
): Promise<void> {
  const record = await findServer(options.adminPort);
  const status = await askServer<ServeStatusView>(record, {
    method: "GET",
    path: "/api/serve/applications/",
  });
  const applications = Object.values(status.applications);
  const owner = applications.find(({ deployments }) => Object.hasOwn(deployments, deployment));
  if (owner === undefined) {
    const known = applications.flatMap(({ deployments }) => Object.keys(deployments)).join(", ");
    throw new CommandError(
      EXIT.FAILED,
      `Cannot find a deployment "${deployment}": there is ${known || "none"}`,
    );
  }
  const place = `applications/${encodeURIComponent(owner.name)}/deployments/${encodeURIComponent(deployment)}`;
  const view = await askServer<ScalingView>(record, { method: "GET", path: `/api/v1/${place}/scaling` });
  console.log(options.json ? JSON.stringify(view, null, 2) : textOf(view));
}

function textOf(view: ScalingView): string {
  const { deployment, running_replicas: running, target_num_replicas: target, fault, decisions } = view;
  const lines = [`${deployment}: ${running} of ${target} replicas run; ${ruleOf(view)}`];
  if (view.explanation !== null) lines.push(`now: ${view.explanation}`);
  if (fault !== null) lines.push(`fault: ${fault}`);
  if (decisions.length > 0) lines.push("", textTable(["since", "until", "decision"], decisions.map(rowOf)));
  return lines.join("\n");
}

function ruleOf(view: ScalingView): string {
  switch (view.decided_by) {
    case "load": {
      const objective = view.latency_slo_ms === null ? "" : `, ${view.latency_slo_ms} ms to keep`;
      const policy = `policy ${view.policy}${view.policy_of === "application" ? " of the application" : ""}`;
      return `by load, ${view.min_replicas} to ${view.max_replicas}, ${policy}${objective}`;
    }
    case "external":
      return "as asked for from outside";
    case "config":
      return `as num_replicas says${view.external_scaler_enabled ? ", until somebody asks from outside" : ""}`;
  }
}

function rowOf({ since, until, explanation, fault }: ScalingDecisionView): string[] {
  const told = fault === null || explanation.includes(fault) ? explanation : `${explanation} (${fault})`;
  return [since, until, told];
}
