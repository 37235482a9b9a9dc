// `shoal stack`: where the workers of a running runtime stand, what their tasks wait for or are blocked in.

import { styleText } from "node:util";
import { Command, Option } from "commander";
import { readStacks, type StackedTask, type WorkerStack } from "../runtime/core/index.ts";
import { EXIT_HELP } from "./exit-codes.ts";
import { seconds } from "./options.ts";
import { pickRuntime, runtimeOption } from "./runtime-option.ts";
import { oneLine } from "./text-table.ts";

export function stackCommand(): Command {
  return new Command("stack")
    .description("Show what each worker runs, where its tasks wait, and where a blocked one is.")
    .addOption(
      new Option("--timeout <seconds>", "how long a worker may take to tell").argParser(seconds).default(2),
    )
    .option("--json", "print the workers as JSON")
    .addOption(runtimeOption())
    .addHelpText("after", EXIT_HELP)
    .action(stack);
}

async function stack({
  timeout,
  json,
  runtime,
}: {
  readonly timeout: number;
  readonly json?: true;
  readonly runtime?: number;
}): Promise<void> {
  const stacks = await readStacks(await pickRuntime(runtime), Math.min(Math.ceil(timeout * 1_000), 999_999));
  if (json) console.log(JSON.stringify(stacks, null, 2));
  else console.log(stacks.map(textOf).join("\n\n"));
}

function textOf(worker: WorkerStack): string {
  const { workerId, pid, actorId, state, detail, tasks, resources } = worker;
  const whose = actorId === null ? "" : `, actor ${actorId}`;
  const open = Object.entries(resources).map(([kind, count]) => `${count} ${kind}`);
  return [
    styleText("bold", `worker ${workerId} (pid ${pid}${whose}): ${state}, ${detail}`),
    ...tasks.flatMap(taskLines),
    ...worker.stack.map((line) => `    at ${line}`),
    ...(open.length === 0 ? [] : [`  open: ${open.join(", ")}`]),
  ].join("\n");
}

function taskLines({ taskId, name, state, ageMs, waitsFor, stack }: StackedTask): string[] {
  const age = ageMs === null ? "" : `, ${(ageMs / 1_000).toFixed(1)} s`;
  return [
    `  ${oneLine(name)} (${taskId}): ${state}${waitsFor === null ? "" : ` for ${waitsFor}`}${age}`,
    ...stack.map((line) => `    at ${line}`),
  ];
}
