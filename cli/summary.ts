// `shoal summary <kind>`: how many tasks, actors or objects there are, by what they are and how they are.

import { Argument, Command } from "commander";
import { readRows, summarizeActors, summarizeObjects, summarizeTasks } from "../runtime/core/index.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { table } from "./list.ts";
import { pickRuntime, runtimeOption } from "./runtime-option.ts";

const KINDS = ["tasks", "actors", "objects"] as const;

export function summaryCommand(): Command {
  return new Command("summary")
    .description("Count the tasks, actors or objects of a running runtime.")
    .addArgument(new Argument("<kind>", "what to count").choices(KINDS))
    .option("--json", "print the counts as JSON")
    .addOption(runtimeOption())
    .addHelpText("after", EXIT_HELP)
    .action(summary);
}

async function summary(
  kind: (typeof KINDS)[number],
  { json, runtime }: { readonly json?: true; readonly runtime?: number },
): Promise<void> {
  const pid = await pickRuntime(runtime);
  const counts =
    kind === "tasks"
      ? summarizeTasks(await readRows(pid, kind))
      : kind === "actors"
        ? summarizeActors(await readRows(pid, kind))
        : summarizeObjects(await readRows(pid, kind));
  if (json) {
    console.log(JSON.stringify(counts, null, 2));
    return;
  }
  const { groups, ...totals } = counts;
  console.log(table(Object.keys(groups[0] ?? {}), groups));
  for (const [name, total] of Object.entries(totals)) console.log(`${name}: ${JSON.stringify(total)}`);
}
