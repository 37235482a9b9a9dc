// `shoal node list | drain | undrain`: the nodes of a running server, and emptying one of replicas.

import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import type { NodeStatusView, NodesView } from "../gateway/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption, seconds } from "./options.ts";
import { askServer, findServer, type ServerRecord } from "./server-record.ts";
import { textTable } from "./text-table.ts";

/** How often the server is asked how far it is. */
const POLL_MS = 200;
const DEFAULT_TIMEOUT_S = 300;

export function nodeCommand(): Command {
  const which = "which server, when several run";
  return new Command("node")
    .description("Show the nodes of the running server, or move its replicas away from one.")
    .addCommand(
      new Command("list")
        .description("List the nodes, with what they have and how many replicas are there.")
        .option("--json", "print JSON")
        .addOption(adminPortOption(which))
        .addHelpText("after", EXIT_HELP)
        .action(list),
    )
    .addCommand(
      new Command("drain")
        .description(
          "Replace the replicas of a node elsewhere, each before it ends, and put nothing new there, until undrain.",
        )
        .argument("<node>", "which node")
        .option("--no-wait", "do not wait until no replica is left there")
        .addOption(
          new Option("--timeout-s <seconds>", "how long to wait")
            .argParser(seconds)
            .default(DEFAULT_TIMEOUT_S),
        )
        .addOption(adminPortOption(which))
        .addHelpText("after", EXIT_HELP)
        .action(drain),
    )
    .addCommand(
      new Command("undrain")
        .description("Use a node again; replicas that have not moved yet stay.")
        .argument("<node>", "which node")
        .addOption(adminPortOption(which))
        .addHelpText("after", EXIT_HELP)
        .action(undrain),
    );
}

async function list(options: { readonly json?: true; readonly adminPort?: number }): Promise<void> {
  const { nodes } = await nodesOf(await findServer(options.adminPort));
  const rows = nodes.map((node) => [
    node.node_id,
    node.state,
    String(node.replicas.length),
    freeOf(node),
    node.messages.join("; "),
  ]);
  console.log(
    options.json
      ? JSON.stringify(nodes, null, 2)
      : textTable(["node", "state", "replicas", "free", "message"], rows),
  );
}

async function drain(
  node: string,
  options: { readonly wait: boolean; readonly timeoutS: number; readonly adminPort?: number },
): Promise<void> {
  const record = await findServer(options.adminPort);
  let view = await ask(record, "POST", node);
  const untilMs = Date.now() + options.timeoutS * 1_000;
  for (let said = ""; ; ) {
    const line = lineOf(view);
    if (line !== said) console.log(line);
    said = line;
    if (!options.wait || view.state === "DRAINED") return;
    if (view.state === "ALIVE") throw new CommandError(EXIT.FAILED, `Node ${node} is used again`);
    if (Date.now() > untilMs) {
      const left = `${countOf(view)} left there`;
      throw new CommandError(
        EXIT.FAILED,
        `Still draining after ${options.timeoutS} s: ${left}. It goes on; shoal node undrain ${node} takes it back.`,
      );
    }
    await sleep(POLL_MS);
    const { nodes } = await nodesOf(record);
    const found = nodes.find(({ node_id: id }) => id === node);
    if (found === undefined) return; // it left
    view = found;
  }
}

async function undrain(node: string, options: { readonly adminPort?: number }): Promise<void> {
  console.log(lineOf(await ask(await findServer(options.adminPort), "DELETE", node)));
}

function nodesOf(record: ServerRecord): Promise<NodesView> {
  return askServer<NodesView>(record, { method: "GET", path: "/api/serve/nodes" });
}

function ask(record: ServerRecord, method: "POST" | "DELETE", node: string): Promise<NodeStatusView> {
  const path = `/api/serve/nodes/${encodeURIComponent(node)}/drain`;
  return askServer<NodeStatusView>(record, { method, path });
}

function lineOf({ node_id: id, state, replicas, messages }: NodeStatusView): string {
  return [
    `${id} ${state}, ${countOf({ replicas })} there`,
    ...messages.map((message) => `  ${message}`),
  ].join("\n");
}

function countOf({ replicas }: Pick<NodeStatusView, "replicas">): string {
  return `${replicas.length} ${replicas.length === 1 ? "replica" : "replicas"}`;
}

function freeOf({ resources }: NodeStatusView): string {
  return Object.entries(resources)
    .filter(([resource]) => resource !== "memory")
    .map(([resource, { total, free }]) => `${free} of ${total} ${resource}`)
    .join(", ");
}
