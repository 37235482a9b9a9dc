// `shoal serve deploy <config…>`: makes a running server serve what the files describe, and says what became of it.

import { resolve } from "node:path";
import { Command } from "commander";
import type { LayeredConfig } from "../controller/index.ts";
import type { DeployView, RefusedView } from "../gateway/index.ts";
import { formatFaults } from "../runtime/base/config/index.ts";
import { author, layersOf } from "./deploy-request.ts";
import { followDeploy } from "./deploy-progress.ts";
import { deployText } from "./deploy-text.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption, seconds } from "./options.ts";
import {
  type AdminRequest,
  askServer,
  findServer,
  RefusedByServer,
  type ServerRecord,
} from "./server-record.ts";

const PATH = "/api/serve/applications/";
/** Files are read and hashed before the answer. */
const DEPLOY_TIMEOUT_MS = 120_000;

export interface FollowOptions {
  readonly wait: boolean;
  readonly timeout: number;
  readonly adminPort?: number;
}

export function serveDeployCommand(): Command {
  return new Command("deploy")
    .description("Make the running server serve what the files describe, and nothing else.")
    .argument("<config...>", "YAML or JSON configs; later ones are laid over earlier ones")
    .option("--dry-run", "only show what would change")
    .option("--no-wait", "do not wait until it runs")
    .option("--timeout <seconds>", "how long to wait until it runs", seconds, 600)
    .addOption(adminPortOption("which server, when several run"))
    .addHelpText(
      "after",
      `
Maps of several files are merged deeply, applications and deployments by name; null deletes a key,
other lists take the place of what was there. Shows what changes and what it costs, then each step.
Asked again for what runs already it does nothing. A version that does not come to run is rolled
back by the server, which goes on serving the one before; the exit status is then 1.
${EXIT_HELP}`,
    )
    .action(deploy);
}

async function deploy(
  paths: readonly string[],
  options: FollowOptions & { readonly dryRun?: true },
): Promise<void> {
  const layered = await layersOf(paths);
  const record = await findServer(options.adminPort);
  const planned = await send(record, layered, `${PATH}?dry_run=true`);
  const text = deployText(planned);
  console.log(text === "" ? "Nothing changes." : text);
  for (const note of planned.notes) console.log(note);
  if (options.dryRun) return;
  await follow(record, await send(record, layered, PATH), options);
}

export async function follow(
  record: ServerRecord,
  view: DeployView,
  { wait, timeout }: FollowOptions,
): Promise<void> {
  if (wait) await followDeploy(record, view, { timeoutMs: timeout * 1_000 });
  const releases = view.applications.flatMap(({ application, change, release }) =>
    release === undefined || change === "unchanged" ? [] : [`${application} release ${release}`],
  );
  if (releases.length > 0) console.log(`${wait ? "Runs" : "Deploying"}: ${releases.join(", ")}`);
}

async function send(record: ServerRecord, layered: LayeredConfig, path: string): Promise<DeployView> {
  const { text, file, directory, place } = layered;
  const request: AdminRequest = {
    method: "PUT",
    path,
    body: text,
    headers: {
      "shoal-author": author(),
      "shoal-source": resolve(file),
      "shoal-directory": directory,
    },
    timeoutMs: DEPLOY_TIMEOUT_MS,
  };
  try {
    return await askServer<DeployView>(record, request);
  } catch (thrown) {
    if (!(thrown instanceof RefusedByServer) || !isRefused(thrown.answer)) throw thrown;
    const faults = thrown.answer.faults.map((fault) => place({ ...fault, file }));
    throw new CommandError(EXIT.USAGE, formatFaults(faults));
  }
}

function isRefused(answer: unknown): answer is RefusedView {
  return typeof answer === "object" && answer !== null && "faults" in answer && Array.isArray(answer.faults);
}
