// `shoal serve shutdown`: asks the running server to drain, and waits until it has ended.

import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { isRunning } from "../runtime/core/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption, seconds } from "./options.ts";
import { askServer, findServer } from "./server-record.ts";

/** How often is looked whether the server has ended. */
const POLL_MS = 50;

export function serveShutdownCommand(): Command {
  return new Command("shutdown")
    .description("Drain the running server and end it; what it is to serve is kept for the next start.")
    .addOption(adminPortOption("which server, when several run"))
    .option("--timeout <seconds>", "how long to wait for its end", seconds, 60)
    .addHelpText("after", EXIT_HELP)
    .action(shutdown);
}

async function shutdown(options: { readonly adminPort?: number; readonly timeout: number }): Promise<void> {
  const record = await findServer(options.adminPort);
  await askServer(record, { method: "POST", path: "/api/serve/shutdown" });
  const untilMs = Date.now() + options.timeout * 1_000;
  while (isRunning(record.pid)) {
    if (Date.now() > untilMs) {
      throw new CommandError(
        EXIT.FAILED,
        `The server (process ${record.pid}) still drains after ${options.timeout} s`,
      );
    }
    await sleep(POLL_MS);
  }
  console.log(`Ended ${record.url} (process ${record.pid})`);
}
