// `shoal serve history [application]`: the releases of a server's applications, and what became of each.

import { Command } from "commander";
import type { HistoryView, ReleaseView } from "../gateway/index.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption } from "./options.ts";
import { askServer, findServer } from "./server-record.ts";
import { textTable } from "./text-table.ts";

export function serveHistoryCommand(): Command {
  return new Command("history")
    .description("List the releases of an application, or of all, the newest first.")
    .argument("[application]", "which application; also one that was deleted")
    .option("--json", "print JSON")
    .addOption(adminPortOption("which server, when several run"))
    .addHelpText("after", EXIT_HELP)
    .action(history);
}

async function history(
  application: string | undefined,
  options: { readonly json?: true; readonly adminPort?: number },
): Promise<void> {
  const record = await findServer(options.adminPort);
  const path =
    application === undefined
      ? "/api/serve/history"
      : `/api/serve/applications/${encodeURIComponent(application)}/history`;
  const { releases } = await askServer<HistoryView>(record, { method: "GET", path });
  console.log(options.json ? JSON.stringify(releases, null, 2) : table(releases));
}

function table(releases: readonly ReleaseView[]): string {
  const head = ["application", "release", "at", "outcome", "by", "from", "reason"];
  return textTable(head, releases.map(rowOf));
}

function rowOf({
  application,
  release,
  at,
  outcome,
  author,
  source,
  reason,
  rollback,
}: ReleaseView): string[] {
  const from = rollback === null ? source : `back to ${rollback.to} from ${rollback.from}`;
  return [application, String(release), at, outcome, author, from, reason];
}
