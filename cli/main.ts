// The `shoal` command: reads the command line, hands over to one file per command, and turns what they throw into
// a line and an exit status.

import { Command, CommanderError } from "commander";
import { SHOAL_VERSION, ShoalError } from "../runtime/base/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { listCommand } from "./list.ts";
import { memoryCommand } from "./memory.ts";
import { nodeCommand } from "./node.ts";
import { microbenchmarkCommand } from "./microbenchmark/command.ts";
import { serveConfigCommand } from "./serve-config.ts";
import { serveDeleteCommand } from "./serve-delete.ts";
import { serveDeployCommand } from "./serve-deploy.ts";
import { serveHistoryCommand } from "./serve-history.ts";
import { serveRollbackCommand } from "./serve-rollback.ts";
import { serveRunCommand } from "./serve-run.ts";
import { serveScalingCommand } from "./serve-scaling.ts";
import { serveShutdownCommand } from "./serve-shutdown.ts";
import { serveStatusCommand } from "./serve-status.ts";
import { stackCommand } from "./stack.ts";
import { simulateCommand } from "./simulate.ts";
import { summaryCommand } from "./summary.ts";
import { timelineCommand } from "./timeline.ts";

export async function main(args: readonly string[]): Promise<void> {
  // Whoever reads the output may go first, as in `shoal serve run … | head -1`, or its terminal: no reason to end.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  try {
    await program().parseAsync(args, { from: "user" });
  } catch (thrown) {
    process.exitCode = report(thrown);
  }
}

function program(): Command {
  const serve = new Command("serve")
    .description("Serve models and modules over HTTP, as a config file describes them.")
    .addCommand(serveRunCommand())
    .addCommand(serveDeployCommand())
    .addCommand(serveStatusCommand())
    .addCommand(serveHistoryCommand())
    .addCommand(serveScalingCommand())
    .addCommand(serveRollbackCommand())
    .addCommand(serveDeleteCommand())
    .addCommand(serveConfigCommand())
    .addCommand(serveShutdownCommand());
  const shoal = new Command("shoal")
    .description("A model-serving gateway: microbatches in front of replica processes.")
    .version(SHOAL_VERSION, "-V, --version", "print the version")
    .showHelpAfterError("(add --help for what can be said here)")
    .addCommand(serve)
    .addCommand(nodeCommand())
    .addCommand(listCommand())
    .addCommand(summaryCommand())
    .addCommand(memoryCommand())
    .addCommand(timelineCommand())
    .addCommand(stackCommand())
    .addCommand(microbenchmarkCommand())
    .addCommand(simulateCommand())
    .addHelpText(
      "after",
      `\nExamples:
  shoal serve run shoal.yaml              serve what the file describes, until Ctrl-C
  shoal serve run shoal.yaml --port 0     on a free port, which is printed
  shoal serve run                         what was served last, also after a crash
  shoal serve deploy shoal.yaml prod.yaml make the running server serve this, step by step
  shoal serve rollback vision             back to what ran before
  shoal serve status                      what is served, and how it does
  shoal node drain gpu-2                  move its replicas elsewhere, without a gap
  shoal serve shutdown                    drain and end the running server
  shoal list tasks --filter state=FAILED  what became of the tasks of a runtime
${EXIT_HELP}`,
    );
  const all = [shoal, ...shoal.commands, ...shoal.commands.flatMap(({ commands }) => commands)];
  for (const command of all) command.exitOverride().copyInheritedSettings(shoal);
  return shoal;
}

function report(thrown: unknown): number {
  // Commander has printed its own already.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.OK : EXIT.USAGE;
  if (thrown instanceof CommandError) {
    if (thrown.message !== "") console.error(thrown.message);
    return thrown.exitCode;
  }
  if (thrown instanceof ShoalError) {
    console.error(thrown.message);
    return thrown.code === "INVALID_CONFIG" ? EXIT.USAGE : EXIT.FAILED;
  }
  console.error(thrown);
  return EXIT.FAILED;
}
