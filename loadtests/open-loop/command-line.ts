// The command line of `npm run load`, as options of a load.
//
// 1. Everything is checked before anything is sent. Reads the files that options name, nothing else.

import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { parseArgs } from "node:util";
import { seededRandom } from "../models/random.ts";
import type { ArrivalProcess } from "./arrivals/gaps.ts";
import type { ArrivalPlan } from "./arrivals/plan.ts";
import type { RateProfile } from "./arrivals/profile.ts";
import { scaleTrace } from "./arrivals/scale-trace.ts";
import { readTrace, UNIT_MS } from "./arrivals/trace-file.ts";
import { readClasses } from "./class-file.ts";
import { checkOptions, type OpenLoopOptions } from "./options.ts";
import { Fields, readChoice, readDuration, readNumber } from "./quantities.ts";
import type { RequestClass } from "./request-class.ts";

export interface LoadCommand {
  readonly options: OpenLoopOptions;
  readonly json: boolean;
  /** Where to write the rows; its ending is `.csv` or `.jsonl`. */
  readonly timeline: string | undefined;
}

const TEXT = { type: "string" } as const;
const OPTIONS = {
  url: { type: "string", multiple: true },
  method: TEXT,
  header: { type: "string", multiple: true },
  body: TEXT,
  classes: TEXT,
  rate: TEXT,
  duration: TEXT,
  requests: TEXT,
  arrivals: TEXT,
  cv: TEXT,
  profile: TEXT,
  trace: TEXT,
  "trace-column": TEXT,
  "trace-unit": TEXT,
  "trace-from": TEXT,
  "trace-for": TEXT,
  compress: TEXT,
  scale: TEXT,
  "scale-mode": TEXT,
  seed: TEXT,
  timeout: TEXT,
  "max-connections": TEXT,
  retries: TEXT,
  pacing: TEXT,
  "id-prefix": TEXT,
  slo: TEXT,
  json: { type: "boolean" },
  timeline: TEXT,
  help: { type: "boolean", short: "h" },
} as const;

type Values = ReturnType<typeof valuesOf>;

function valuesOf(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS }).values;
}

/** Undefined when help is asked for. Throws an Error that says what was found and wanted. */
export async function parseCommandLine(args: readonly string[]): Promise<LoadCommand | undefined> {
  const values = valuesOf(args);
  if (values.help === true) return undefined;
  const { timeline, json = false } = values;
  if (timeline !== undefined && ![".csv", ".jsonl"].includes(extname(timeline))) {
    throw new Error(`Cannot use --timeline "${timeline}": wanted a name that ends in .csv or .jsonl`);
  }
  const options: OpenLoopOptions = {
    requests: await requestsOf(values),
    arrivals: values.trace === undefined ? rateOf(values) : await traceOf(values, values.trace),
    ...given("durationMs", "duration", values, readDuration),
    ...given("maxRequests", "requests", values, readNumber),
    ...given("seed", "seed", values, readNumber),
    ...given("timeoutMs", "timeout", values, readDuration),
    ...given("maxConnections", "max-connections", values, readNumber),
    ...given("retries", "retries", values, readNumber),
    ...given("sloMs", "slo", values, readDuration),
    ...(values.pacing === undefined
      ? {}
      : { pacing: readChoice("--pacing", values.pacing, ["timer", "spin"]) }),
    ...(values["id-prefix"] === undefined ? {} : { idPrefix: values["id-prefix"] }),
  };
  checkOptions(options);
  return { options, json, timeline };
}

type TextOption = {
  [Name in keyof Values]: Values[Name] extends string | undefined ? Name : never;
}[keyof Values] &
  string;

/** `{ [key]: value }` when the option was given. */
function given<Key extends string>(
  key: Key,
  option: TextOption,
  values: Values,
  // oxlint-disable-next-line eslint/max-params -- the fourth is how to read it
  read: (option: string, text: string) => number,
): { readonly [Name in Key]?: number } {
  const text = values[option];
  return text === undefined ? {} : ({ [key]: read(`--${option}`, text) } as { [Name in Key]: number });
}

async function requestsOf(values: Values): Promise<readonly RequestClass[]> {
  const { classes, url: urls = [], method, header: lines = [], body: text } = values;
  if (classes !== undefined) {
    const other =
      urls.length > 0
        ? "url"
        : lines.length > 0
          ? "header"
          : method !== undefined
            ? "method"
            : text === undefined
              ? undefined
              : "body";
    if (other !== undefined) throw new Error(`Cannot use --classes with --${other}: the classes have it`);
    return await readClasses(classes);
  }
  if (urls.length === 0) throw new Error("Cannot send: found no --url and no --classes, wanted one");
  const body = text?.startsWith("@") === true ? await readFile(text.slice(1)) : text;
  const headers: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`Cannot use --header "${line}": wanted "name: text"`);
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return urls.map((url) => ({
    ...(urls.length === 1 ? {} : { name: url }),
    url,
    headers,
    ...(method === undefined ? {} : { method }),
    ...(body === undefined ? {} : { body }),
  }));
}

function rateOf(values: Values): ArrivalPlan {
  const stray = (
    ["trace-column", "trace-unit", "trace-from", "trace-for", "compress", "scale", "scale-mode"] as const
  ).find((option) => values[option] !== undefined);
  if (stray !== undefined) throw new Error(`Cannot use --${stray}: there is no --trace`);
  if (values.rate === undefined) throw new Error("Cannot send: found no --rate and no --trace, wanted one");
  return {
    kind: "rate",
    ratePerSecond: readNumber("--rate", values.rate),
    process: processOf(values),
    ...(values.profile === undefined ? {} : { profile: readProfile(values.profile) }),
  };
}

function processOf({ arrivals, cv }: Values): ArrivalProcess {
  const kind = readChoice("--arrivals", arrivals ?? "poisson", ["poisson", "constant", "gamma"]);
  if (kind !== "gamma") {
    if (cv !== undefined) throw new Error(`Cannot use --cv with --arrivals ${kind}: wanted gamma`);
    return { kind };
  }
  if (cv === undefined) throw new Error("Cannot use --arrivals gamma: it needs --cv");
  return { kind, cv: readNumber("--cv", cv) };
}

/** A profile as `--profile` has it. */
export function readProfile(text: string): RateProfile {
  const fields = new Fields("--profile", text);
  const kinds = [
    "flat",
    "step",
    "ramp",
    "doubling",
    "spikes",
    "square",
    "mmpp",
    "conv",
    "code",
    "twitter",
  ] as const;
  const profile = profileOf(readChoice("--profile", fields.name, kinds), fields);
  fields.end();
  return profile;
}

function profileOf(kind: RateProfile["kind"], fields: Fields): RateProfile {
  switch (kind) {
    case "flat":
      return { kind };
    case "step": {
      const untilMs = fields.optionalDuration("until");
      const step = { kind, atMs: fields.duration("at"), factor: fields.number("factor") };
      return untilMs === undefined ? step : { ...step, untilMs };
    }
    case "ramp":
      return {
        kind,
        fromMs: fields.duration("from"),
        untilMs: fields.duration("until"),
        factor: fields.number("factor"),
      };
    case "doubling":
      return { kind, everyMs: fields.duration("every"), maxFactor: fields.number("max") };
    case "spikes":
      return {
        kind,
        everyMs: fields.duration("every"),
        lengthMs: fields.duration("length"),
        factor: fields.number("factor"),
      };
    case "square":
      return { kind, periodMs: fields.duration("period"), duty: fields.number("duty") };
    case "mmpp":
      return {
        kind,
        factors: fields.list("factors", readNumber),
        meansMs: fields.list("means", readDuration),
      };
    case "conv":
    case "code":
    case "twitter": {
      const compress = fields.optionalNumber("compress");
      return compress === undefined ? { kind } : { kind, compress };
    }
  }
}

async function traceOf(values: Values, path: string): Promise<ArrivalPlan> {
  const stray = (["rate", "arrivals", "cv", "profile"] as const).find(
    (option) => values[option] !== undefined,
  );
  if (stray !== undefined) throw new Error(`Cannot use --${stray} with --trace: the trace has it`);
  const { "trace-column": column, "trace-unit": unit, "scale-mode": mode } = values;
  const units = Object.keys(UNIT_MS) as (keyof typeof UNIT_MS)[];
  const times = await readTrace(path, {
    ...(column === undefined ? {} : { column }),
    ...(unit === undefined ? {} : { unit: readChoice("--trace-unit", unit, units) }),
  });
  const scaling = {
    ...given("fromMs", "trace-from", values, readDuration),
    ...given("forMs", "trace-for", values, readDuration),
    ...given("compress", "compress", values, positive),
    ...given("scale", "scale", values, positive),
    ...(mode === undefined ? {} : { mode: readChoice("--scale-mode", mode, ["correlated", "independent"]) }),
  };
  const seed = values.seed === undefined ? 1 : readNumber("--seed", values.seed);
  return { kind: "times", timesMs: scaleTrace(times, scaling, seededRandom(seed)) };
}

function positive(option: string, text: string): number {
  const number = readNumber(option, text);
  if (number <= 0) throw new Error(`Cannot use ${option} "${text}": wanted a number above 0`);
  return number;
}
