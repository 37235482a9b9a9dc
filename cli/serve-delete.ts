// `shoal serve delete <application>`: ends an application of the running server; its history stays.

import { Command } from "commander";
import { author } from "./deploy-request.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption } from "./options.ts";
import { askServer, findServer } from "./server-record.ts";

export function serveDeleteCommand(): Command {
  return new Command("delete")
    .description("End an application: it loses its route, answers what was admitted, and goes.")
    .argument("<application>", "which application; serve rollback brings it back")
    .addOption(adminPortOption("which server, when several run"))
    .addHelpText("after", EXIT_HELP)
    .action(remove);
}

async function remove(application: string, options: { readonly adminPort?: number }): Promise<void> {
  await askServer(await findServer(options.adminPort), {
    method: "DELETE",
    path: `/api/serve/applications/${encodeURIComponent(application)}`,
    headers: { "shoal-author": author(), "shoal-source": "shoal serve delete" },
  });
  console.log(`Deleted ${application}`);
}
