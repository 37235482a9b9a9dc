// `shoal serve config [file]`: the config of the running server, or of a file, with every default spelled out.

import { Command } from "commander";
import { stringify } from "yaml";
import { formatFaults } from "../runtime/base/config/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption } from "./options.ts";
import { askServer, findServer } from "./server-record.ts";

export function serveConfigCommand(): Command {
  return new Command("config")
    .description("Print the config of the running server, or check a file and print what it comes to.")
    .argument("[file]", "a config to check instead of asking the running server")
    .option("--json", "print JSON instead of YAML")
    .addOption(adminPortOption("which server, when several run"))
    .addHelpText("after", EXIT_HELP)
    .action(config);
}

async function config(
  file: string | undefined,
  options: { readonly json?: true; readonly adminPort?: number },
): Promise<void> {
  const form =
    file === undefined
      ? await askServer(await findServer(options.adminPort), "GET", "/api/serve/config")
      : await check(file);
  process.stdout.write(options.json ? `${JSON.stringify(form, null, 2)}\n` : stringify(form));
}

async function check(file: string): Promise<unknown> {
  const { loadConfig, toFileForm } = await import("../controller/index.ts");
  const outcome = await loadConfig(file);
  if (outcome.kind === "ok") return toFileForm(outcome.value);
  throw new CommandError(EXIT.USAGE, formatFaults(outcome.faults));
}
