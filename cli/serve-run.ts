// `shoal serve run [config…]`: the command line of it; `serve-foreground.ts` does it.

import { Command, Option } from "commander";
import type { LogLevel } from "../controller/index.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { address, adminPortOption, port } from "./options.ts";
import type { RunOptions } from "./serve-foreground.ts";

const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export function serveRunCommand(): Command {
  return new Command("run")
    .description("Serve in the foreground what config files describe, or what was served last, until Ctrl-C.")
    .argument(
      "[config...]",
      "YAML or JSON configs (see shoal.schema.json), later ones laid over earlier ones; none: what the store says",
    )
    .addOption(
      new Option("--host <host>", "address to listen on; the file's http_options.host, else 127.0.0.1")
        .env("SHOAL_HOST")
        .argParser(address),
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
    .option("--watch", "deploy again when a config, a module or a model changes")
    .addOption(
      new Option(
        "--data-dir <folder>",
        "where what is served is kept; $SHOAL_STATE_DIR, else ~/.local/state/shoal, one file an admin port",
      ).env("SHOAL_DATA_DIR"),
    )
    .option("--no-store", "keep what is served in memory only")
    .addHelpText(
      "after",
      `
Flags win over environment variables, these over the file. The first Ctrl-C (SIGINT), SIGTERM or
SIGHUP answers what was admitted and ends; a second one ends at once. SHOAL_ADMIN_TOKEN sets the
admin listener's token; without it one is made up per run.

What is deployed outlives the server, also one that is killed: run again without a config, it serves
what it served last. With --admin-port 0 it is kept in memory, unless --data-dir says where.
${EXIT_HELP}`,
    )
    .action(run);
}

/** What serves is loaded only here: `--help` and the other commands need none of it. */
async function run(paths: readonly string[], options: RunOptions): Promise<void> {
  const { serveForeground } = await import("./serve-foreground.ts");
  await serveForeground(paths, options);
}
