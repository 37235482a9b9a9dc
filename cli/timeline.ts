// `shoal timeline`: the tasks of a runtime as a Chrome trace.

import { createWriteStream } from "node:fs";
import { Command } from "commander";
import { messageOf } from "../runtime/base/index.ts";
import { readRows, writeChromeTrace } from "../runtime/core/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { pickRuntime, runtimeOption } from "./runtime-option.ts";

export function timelineCommand(): Command {
  return new Command("timeline")
    .description("Write when each task ran, for chrome://tracing or Perfetto.")
    .option("-o, --output <file>", "where to", "timeline.json")
    .addOption(runtimeOption())
    .addHelpText("after", EXIT_HELP)
    .action(timeline);
}

async function timeline({
  output,
  runtime,
}: {
  readonly output: string;
  readonly runtime?: number;
}): Promise<void> {
  const tasks = await readRows(await pickRuntime(runtime), "tasks");
  await writeChromeTrace(tasks, createWriteStream(output)).catch((error: unknown) => {
    throw new CommandError(EXIT.FAILED, `Cannot write "${output}": ${messageOf(error)}`);
  });
  console.log(`${tasks.length} tasks written to ${output}`);
}
