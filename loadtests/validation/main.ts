// `npm run validate`: the simulator against the real server, as a command. See `--help` and loadtests/README.md.

import { runCommand } from "../scenarios/command.ts";
import { COMMAND_LINE } from "./command-line.ts";
import { validation } from "./index.ts";
import { renderReport, renderReports } from "./render.ts";

await runCommand(COMMAND_LINE, { run: validation(), renderReport, renderReports });
