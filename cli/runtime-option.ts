// Which runtime a command asks, and numbers among its options.

import { InvalidArgumentError, Option } from "commander";
import { findRuntimes } from "../runtime/core/index.ts";
import { CommandError, EXIT } from "./exit-codes.ts";

export function runtimeOption(): Option {
  return countOption("--runtime <pid>", "the process that started the runtime, when several run");
}

export function countOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value > 0) return value;
    throw new InvalidArgumentError(`found "${text}", wanted a whole number from 1`);
  });
}

/** The runtime that was asked for, else the newest. Throws what ends the command when there is none. */
export async function pickRuntime(wanted: number | undefined): Promise<number> {
  const pids = await findRuntimes();
  const newest = pids.at(-1);
  if (newest === undefined) throw new CommandError(EXIT.NO_SERVER, "No running runtime was found.");
  if (wanted === undefined) {
    if (pids.length > 1) {
      console.error(
        `${pids.length} runtimes run (${pids.join(", ")}); this is ${newest}. --runtime chooses another.`,
      );
    }
    return newest;
  }
  if (pids.includes(wanted)) return wanted;
  throw new CommandError(
    EXIT.NO_SERVER,
    `No runtime of process ${wanted} was found; there is ${pids.join(", ")}.`,
  );
}
