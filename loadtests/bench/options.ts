// The command line of `npm run bench`.

import { parseArgs } from "node:util";

export interface BenchOptions {
  readonly quick: boolean;
  readonly json: boolean;
  readonly rounds: number;
  /** Keeps the cases whose id it matches; undefined keeps all. */
  readonly only: RegExp | undefined;
}

export const HELP = `Usage: npm run bench -- [options]

Measures the door alone (fastify, same bodies, no model), raw onnxruntime-node in a loop, and Shoal end to end, in one
run, alternating, several rounds; prints medians, ratios and the targets they are held to.

  --quick           under a minute: shorter, fewer rounds, no ResNet-shaped JSON at 64 connections, 10,000
                    instead of 200,000 requests for the memory figure; good for a look, not for a claim
  --rounds <n>      rounds to take the median of (5; with --quick 2)
  --only <pattern>  only the cases whose id matches this regular expression; ids are
                    "<model> <binary|json> c=<connections>", "<model> raw b=<batch> t=<threads>",
                    "memory body", "memory flat", "dispatch decisions", "reconcile"; models are identity, mlp, wide, resnet
  --json            one JSON document with every round instead of the tables
  --help            this text

Exit codes: 0 measured (also when a target was missed), 1 could not measure, 2 bad options.`;

/** Reads the options, or undefined when help is asked for. Throws an Error that says what was found and wanted. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      rounds: { type: "string" },
      only: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = values.rounds === undefined ? (values.quick ? 2 : 5) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) {
    throw new Error(`Cannot use --rounds "${values.rounds}": wanted a whole number from 1 to 1000`);
  }
  return { quick: values.quick, json: values.json, rounds, only: patternOf(values.only) };
}

function patternOf(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text, "i");
  } catch (error) {
    throw new Error(`Cannot use --only "${text}": wanted a regular expression`, { cause: error });
  }
}
