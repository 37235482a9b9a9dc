// `shoal serve run <config>`: the command line of it; `serve-foreground.ts` does it.

import { Command, Option } from "commander";
import type { LogLevel } from "../controller/index.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption, port } from "./options.ts";
import type { RunOptions } from "./serve-foreground.ts";

const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export function serveRunCommand(): Command {
  return new Command("run")
    .description("Serve what a config file describes, in the foreground, until Ctrl-C.")
    .argument("<config>", "path of a YAML or JSON config (see shoal.schema.json)")
    .addOption(
      new Option("--host <host>", "address to listen on; the file's http_options.host, else 127.0.0.1").env(
        "SHOAL_HOST",
      ),
    )
    .addOption(
      new Option("--port <port>", "port to listen on, 0 for any free one; the file's, else 8000")
        .env("SHOAL_PORT")
        .argParser(port),
    )
    .addOption(adminPortOption("port of the admin listener, 0 for any free one; the file's, else 8265"))
    .addOption(
      new Option("--log-level <level>", "least level of the log on standard error; the file's, else info")
        .env("SHOAL_LOG_LEVEL")
        .choices(LEVELS),
    )
    .addHelpText(
      "after",
      `
Flags win over environment variables, these over the file. The first Ctrl-C (SIGINT), SIGTERM or
SIGHUP answers what was admitted and ends; a second one ends at once. SHOAL_ADMIN_TOKEN sets the
admin listener's token; without it one is made up per run.
${EXIT_HELP}`,
    )
    .action(run);
}

/** What serves is loaded only here: `--help` and the other commands need none of it. */
async function run(path: string, options: RunOptions): Promise<void> {
  const { serveForeground } = await import("./serve-foreground.ts");
  await serveForeground(path, options);
}
