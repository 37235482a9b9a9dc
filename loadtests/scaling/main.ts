// `npm run scaling`: the scenarios as a command. See `--help` and loadtests/README.md.

import { runCommand } from "../scenarios/command.ts";
import { COMMAND_LINE } from "./command-line.ts";
import { runScenario } from "./index.ts";
import { renderReport, renderReports } from "./render.ts";

await runCommand(COMMAND_LINE, { run: runScenario, renderReport, renderReports });
