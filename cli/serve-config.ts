// `shoal serve config [files…]`: the config of the running server, or of files, with every default spelled out.

import { Command } from "commander";
import { stringify } from "yaml";
import { formatFaults } from "../runtime/base/config/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption } from "./options.ts";
import { askServer, findServer } from "./server-record.ts";

export function serveConfigCommand(): Command {
  return new Command("config")
    .description("Print the config of the running server, or check files and print what they come to.")
    .argument(
      "[files...]",
      "a config to check instead of asking the running server; later files go over earlier ones",
    )
    .option("--json", "print JSON instead of YAML")
    .addOption(adminPortOption("which server, when several run"))
    .addHelpText("after", EXIT_HELP)
    .action(config);
}

async function config(
  files: readonly string[],
  options: { readonly json?: true; readonly adminPort?: number },
): Promise<void> {
  const form =
    files.length === 0
      ? await askServer(await findServer(options.adminPort), { method: "GET", path: "/api/serve/config" })
      : await check(files);
  process.stdout.write(options.json ? `${JSON.stringify(form, null, 2)}\n` : stringify(form));
}

async function check(files: readonly string[]): Promise<unknown> {
  const { loadLayers, toFileForm } = await import("../controller/index.ts");
  const outcome = await loadLayers(files);
  if (outcome.kind === "ok") return toFileForm(outcome.value.config);
  throw new CommandError(EXIT.USAGE, formatFaults(outcome.faults));
}
