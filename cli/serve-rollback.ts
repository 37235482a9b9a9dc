// `shoal serve rollback <application> [release]`: makes what an application was before what it is to be.

import { Command, InvalidArgumentError } from "commander";
import type { DeployView } from "../gateway/index.ts";
import { deployText } from "./deploy-text.ts";
import { author } from "./deploy-request.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption, seconds } from "./options.ts";
import { follow, type FollowOptions } from "./serve-deploy.ts";
import { askServer, findServer } from "./server-record.ts";

const ROLLBACK_TIMEOUT_MS = 120_000;

export function serveRollbackCommand(): Command {
  return new Command("rollback")
    .description("Go back to an earlier release of an application, also of one that was deleted.")
    .argument("<application>", "which application")
    .argument("[release]", "to which release (see serve history); else to the last one that ran", number)
    .option("--no-wait", "do not wait until it runs")
    .option("--timeout <seconds>", "how long to wait until it runs", seconds, 600)
    .addOption(adminPortOption("which server, when several run"))
    .addHelpText(
      "after",
      `
A rollback is a release of its own with the content of the earlier one; asked for again it goes
further back. A release names files and does not hold them: what was overwritten does not come back.
${EXIT_HELP}`,
    )
    .action(rollback);
}

async function rollback(
  application: string,
  release: number | undefined,
  options: FollowOptions,
): Promise<void> {
  const record = await findServer(options.adminPort);
  const view = await askServer<DeployView>(record, {
    method: "POST",
    path: `/api/serve/applications/${encodeURIComponent(application)}/rollback`,
    ...(release === undefined ? {} : { body: JSON.stringify({ release }) }),
    headers: { "shoal-author": author(), "shoal-source": "shoal serve rollback" },
    timeoutMs: ROLLBACK_TIMEOUT_MS,
  });
  const text = deployText(view);
  if (text !== "") console.log(text);
  await follow(record, view, options);
}

function number(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`found "${text}", wanted the number of a release`);
}
