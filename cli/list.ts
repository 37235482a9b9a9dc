// `shoal list <kind>`: rows of the tables of a running runtime.

import { Argument, Command } from "commander";
import { parseFilter, queryRows, readRows, type RowKind } from "../runtime/core/index.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { countOption, pickRuntime, runtimeOption } from "./runtime-option.ts";
import { textTable } from "./text-table.ts";

/** The columns a person sees; `--json` has all. */
const COLUMNS: Readonly<Record<RowKind, readonly string[]>> = {
  tasks: ["taskId", "attemptNumber", "name", "state", "type", "nodeId", "workerPid", "errorType"],
  actors: ["actorId", "className", "state", "name", "pid", "numRestarts", "pendingCalls", "deathCause"],
  objects: ["objectId", "state", "sizeBytes", "references", "ownerId", "taskId"],
  workers: ["workerId", "state", "pid", "nodeId", "running"],
  nodes: ["nodeId", "state", "resourcesFree", "resourcesTotal", "labels"],
  "placement-groups": ["placementGroupId", "name", "strategy", "state", "bundles"],
};

export const ROW_KINDS = Object.keys(COLUMNS);

export function listCommand(): Command {
  return new Command("list")
    .description(
      "List what a running runtime has: tasks, actors, objects, workers, nodes or placement groups.",
    )
    .addArgument(new Argument("<kind>", "what to list").choices(ROW_KINDS))
    .option("-f, --filter <column=value…>", "only rows of which this holds; != for the contrary", collect, [])
    .addOption(countOption("--limit <rows>", "rows shown at most").default(100))
    .option("--json", "print the rows as JSON, with all columns")
    .addOption(runtimeOption())
    .addHelpText("after", EXIT_HELP)
    .action(list);
}

interface ListFlags {
  readonly filter: readonly string[];
  readonly limit: number;
  readonly json?: true;
  readonly runtime?: number;
}

async function list(kind: RowKind, { filter, limit, json, runtime }: ListFlags): Promise<void> {
  const filters = filter.map((text) => parseFilter(text));
  const pid = await pickRuntime(runtime);
  const { rows, note } = queryRows(kind, await readRows(pid, kind), { filters, limit });
  if (json) console.log(JSON.stringify(rows, null, 2));
  else console.log(table(COLUMNS[kind], rows));
  if (note !== undefined) console.error(note);
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** Rows of the state, by these of their columns. */
export function table(columns: readonly string[], rows: readonly object[]): string {
  return textTable(
    columns,
    rows.map((row) => columns.map((column) => show(Reflect.get(row, column)))),
  );
}

function show(value: unknown): string {
  if (value === null || value === undefined) return "-";
  return typeof value === "string" ? value : JSON.stringify(value);
}
