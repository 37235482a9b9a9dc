// `shoal memory`: where the memory of a runtime's objects is, the largest first.

import { Command } from "commander";
import { readRows } from "../runtime/core/index.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { table } from "./list.ts";
import { countOption, pickRuntime, runtimeOption } from "./runtime-option.ts";

export function memoryCommand(): Command {
  return new Command("memory")
    .description("Show the objects that take most memory, and where they are.")
    .addOption(countOption("--limit <objects>", "objects shown at most").default(20))
    .option("--json", "print all objects as JSON")
    .addOption(runtimeOption())
    .addHelpText("after", EXIT_HELP)
    .action(memory);
}

async function memory({
  limit,
  json,
  runtime,
}: {
  readonly limit: number;
  readonly json?: true;
  readonly runtime?: number;
}): Promise<void> {
  const objects = await readRows(await pickRuntime(runtime), "objects");
  objects.sort((a, b) => (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0));
  if (json) {
    console.log(JSON.stringify(objects, null, 2));
    return;
  }
  console.log(table(["objectId", "state", "sizeBytes", "references", "ownerId"], objects.slice(0, limit)));
  const places = new Map<string, number>();
  for (const { state, sizeBytes } of objects) places.set(state, (places.get(state) ?? 0) + (sizeBytes ?? 0));
  for (const [place, bytes] of places) console.log(`${place}: ${bytes} bytes`);
}
