// `shoal simulate`: a deployment under a workload in virtual time, on the product's own dispatcher and autoscaling policies,
// beside what others do. Tables on the terminal, plots as SVG files.

import { accessSync, constants } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import type {
  Chart,
  EvaluationName,
  ExperimentResult,
  NamedRuns,
  Scenario,
  ServiceProfile,
} from "../controller/simulator/index.ts";
import { makeFolder, messageOf } from "../runtime/base/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { seconds } from "./options.ts";

interface Flags {
  readonly workload: string;
  readonly rate?: number;
  readonly cv: number;
  readonly duration?: number;
  readonly warmUp: number;
  readonly profile: string;
  readonly noise?: number;
  readonly slo?: number;
  readonly systems: readonly string[];
  readonly replicas: number;
  readonly min: number;
  readonly max: number;
  readonly initial?: number;
  readonly startUp: number;
  readonly startUpNoise?: number;
  readonly hop?: number;
  readonly door?: number;
  readonly requestTimeout?: number;
  readonly seed: number;
  readonly seeds: number;
  readonly timeout?: number;
  readonly retries: number;
  readonly retryBudget?: number;
  readonly mtbf?: number;
  readonly slowReplica?: number;
  readonly plot?: string;
  readonly explain?: true;
  readonly evaluate?: EvaluationName;
  readonly trace: readonly string[];
  readonly markdown?: true;
  readonly json?: true;
}

const EXAMPLES = `
A system is shoal, ray, ray-tuned, triton, bentoml, clipper, shortest-queue or central-greedy, on --replicas replicas; or with a
policy that counts them: +slo, +ray, +ray-fast, +knative, +hpa, +oracle, and a target of requests per replica: ray-tuned+ray:8.

Examples:
  shoal simulate --profile gpu --slo 40 --rate 5000                    who keeps 40 ms on 8 replicas
  shoal simulate -w step --rate 100 --duration 900 -p large \\
      -s shoal+slo,ray-tuned+ray:8,ray-tuned+knative:16 --plot out     who counts replicas best, with plots
  shoal simulate --evaluate batching --seeds 20 --plot out             a part of what docs/scheduling.md publishes
  shoal simulate -w trace.csv --rate 200 -s shoal+slo,shoal+oracle     a trace, superposed to 200 requests a second
`;

export function simulateCommand(): Command {
  return new Command("simulate")
    .description(
      "Simulate a deployment in virtual time, on Shoal's own dispatcher and policies, beside what others do.",
    )
    .option(
      "-w, --workload <name or file>",
      "steady, conversation, code, clients, twitter, functions, diurnal, step, spikes, ramp, resonance; or a CSV file with a time per line",
      "steady",
    )
    .addOption(number("--rate <requests/s>", "mean rate; default 100, or the trace's own"))
    .addOption(
      number(
        "--cv <ratio>",
        "burstiness of the workload `steady`: coefficient of variation, 1 is Poisson",
      ).default(1),
    )
    .addOption(number("--duration <seconds>", "default 60, or the trace's length"))
    .addOption(
      new Option("--warm-up <seconds>", "requests sent before are not counted").argParser(seconds).default(0),
    )
    .option(
      "-p, --profile <name or α,β,max>",
      "gpu, resnet, cpu or large; or ms per batch, ms per row, largest batch",
      "gpu",
    )
    .addOption(number("--noise <share>", "relative deviation of a batch's time"))
    .addOption(number("--slo <ms>", "objective, from sending to answer; default four times one row's time"))
    .addOption(
      new Option("-s, --systems <list>", "who is compared, see below")
        .argParser((text) => text.split(","))
        .default(["shoal", "ray", "ray-tuned", "triton", "bentoml", "clipper", "shortest-queue"]),
    )
    .addOption(whole("-r, --replicas <number>", "of systems without a policy", 1).default(8))
    .addOption(whole("--min <replicas>", "for policies").default(1))
    .addOption(whole("--max <replicas>", "for policies", 1).default(100))
    .addOption(whole("--initial <replicas>", "for policies; default the minimum"))
    .addOption(
      new Option("--start-up <seconds>", "how long a replica takes to start").argParser(seconds).default(10),
    )
    .addOption(number("--start-up-noise <share>", "relative deviation of start-ups; default 0.2"))
    .addOption(number("--hop <ms>", "to a replica and back; default 0.5"))
    .addOption(number("--door <ms>", "what an answer takes outside of dispatcher and replica; default 0"))
    .addOption(
      number("--request-timeout <seconds>", "Shoal gives a request up after so long; default the objective"),
    )
    .addOption(whole("--seed <number>", "of the first run").default(1))
    .addOption(whole("--seeds <number>", "runs of each, each with the next seed", 1).default(1))
    .addOption(number("--timeout <seconds>", "clients give up after so long; default never"))
    .addOption(whole("--retries <number>", "further attempts of a client").default(0))
    .addOption(number("--retry-budget <share>", "retries as a share of requests; default no limit"))
    .addOption(number("--mtbf <seconds>", "mean time between deaths of a replica; default never"))
    .addOption(number("--slow-replica <factor>", "the first replica is so many times slower"))
    .option("--plot <folder>", "write timeline.svg and cost.svg there")
    .option("--explain", "print each change of a policy's target, with its reason")
    .addOption(
      new Option(
        "--evaluate <part>",
        "run a part of the published evaluation, with the options --seeds, --trace and --plot only",
      ).choices(["batching", "overload", "scaling"]),
    )
    .option(
      "--trace <file>",
      "of the evaluation `scaling`: a trace more; can be repeated",
      (file, before: readonly string[]) => [...before, file],
      [],
    )
    .option("--markdown", "print the evaluation's tables as Markdown")
    .option("--json", "print all figures as JSON")
    .addHelpText("after", EXAMPLES + EXIT_HELP)
    .action(simulate);
}

/** What a part of the evaluation goes by, and what nothing else does. */
const OF_EVALUATIONS = new Set(["evaluate", "seeds", "trace", "plot", "markdown", "json"]);
const OF_THEM_ALONE = new Set(["trace", "markdown"]);

async function simulate(flags: Flags, command: Command): Promise<void> {
  checkTogether(flags, command);
  // Refusals are errors with a stack; here there are millions, and nobody reads it.
  Error.stackTraceLimit = 0;
  if (flags.plot !== undefined) prepareFolder(flags.plot);
  if (flags.evaluate !== undefined) return evaluatePart(flags.evaluate, flags);
  const lab = await import("../controller/simulator/index.ts");
  const profile = profileOf(flags, lab);
  const workload = await lab.openWorkload(flags.workload, {
    ...(flags.rate === undefined ? {} : { perSecond: flags.rate }),
    ...(flags.duration === undefined ? {} : { seconds: flags.duration }),
    cv: flags.cv,
  });
  if (flags.warmUp >= workload.seconds) {
    const found = `--warm-up is ${flags.warmUp} s, less than the ${workload.seconds} s of the run are wanted`;
    throw new CommandError(EXIT.USAGE, `${found}: nothing would be counted`);
  }
  const { slowReplica, mtbf, startUpNoise, timeout, retryBudget, hop, door, requestTimeout } = flags;
  const scenario: Scenario = {
    name: workload.name,
    arrivals: workload.arrivals,
    seconds: workload.seconds,
    warmUpSeconds: flags.warmUp,
    profile,
    objectiveMs: flags.slo ?? 4 * lab.batchMs(profile, 1),
    startUpMs: 1_000 * flags.startUp,
    ...(hop === undefined ? {} : { hopMs: hop }),
    ...(door === undefined ? {} : { doorMs: door }),
    ...(requestTimeout === undefined ? {} : { requestTimeoutMs: 1_000 * requestTimeout }),
    clients: {
      retries: flags.retries,
      ...(timeout === undefined ? {} : { timeoutMs: 1_000 * timeout }),
      ...(retryBudget === undefined ? {} : { retryBudget }),
    },
    trouble: {
      ...(startUpNoise === undefined ? {} : { startUpNoise }),
      ...(mtbf === undefined ? {} : { mtbfMs: 1_000 * mtbf }),
      ...(slowReplica === undefined
        ? {}
        : { slowness: (replica: number) => (replica === 0 ? slowReplica : 1) }),
    },
  };
  const { min, max, initial } = flags;
  if (min > max) throw new CommandError(EXIT.USAGE, `--min is ${min}, at most the --max of ${max} is wanted`);
  if (initial !== undefined && (initial < min || initial > max))
    throw new CommandError(
      EXIT.USAGE,
      `--initial is ${initial}, from --min ${min} to --max ${max} is wanted`,
    );
  const defaults = {
    replicas: flags.replicas,
    bounds: initial === undefined ? { min, max } : { min, max, initial },
  };
  const contenders = flags.systems.map((text) => lab.parseContender(text.trim(), defaults));
  const all: NamedRuns[] = [];
  for (const contender of contenders) {
    const runs: ExperimentResult[] = [];
    for (let n = 0; n < flags.seeds; n++)
      runs.push(await lab.runContender(scenario, contender, flags.seed + n));
    all.push({ name: contender.name, runs });
  }
  if (flags.json) console.log(JSON.stringify(figuresOf(scenario, all), null, 2));
  else {
    console.log(heading(scenario, all));
    const { fluid, hindsight } = lab.boundsOf(scenario, flags.seed);
    console.log(
      Number.isFinite(fluid)
        ? `At least ${fluid.toFixed(0)} replica-seconds of work; ${hindsight.toFixed(0)} with whole replicas and hindsight.\n`
        : "One row takes longer than the objective: nothing can be in time.\n",
    );
    console.log(lab.renderTable(lab.resultTable(all)));
    if (flags.explain) console.log(explanations(all));
  }
  if (flags.plot === undefined) return;
  const possible = scenario.objectiveMs >= lab.batchMs(profile, 1);
  const needed = possible ? lab.neededBy(scenario, flags.seed) : undefined;
  const files = await plot(flags.plot, {
    timeline: lab.timelineChart(titleOf(scenario), all, needed),
    cost: lab.costChart(titleOf(scenario), all),
  });
  console.error(`Plots: ${files.join(", ")}`);
}

/** What would be overlooked is refused. */
function checkTogether({ evaluate }: Flags, command: Command): void {
  const idle = command.options.find((option) => {
    const name = option.attributeName();
    if (command.getOptionValueSource(name) !== "cli") return false;
    return evaluate === undefined ? OF_THEM_ALONE.has(name) : !OF_EVALUATIONS.has(name);
  });
  if (idle === undefined) return;
  const where = evaluate === undefined ? "without --evaluate" : `beside --evaluate ${evaluate}`;
  throw new CommandError(EXIT.USAGE, `Cannot simulate with ${idle.long} ${where}: it has no meaning there`);
}

async function evaluatePart(
  name: EvaluationName,
  { seeds, trace, plot: folder, json, markdown }: Flags,
): Promise<void> {
  const lab = await import("../controller/simulator/index.ts");
  const began = performance.now();
  const progress = (line: string): void => {
    console.error(`${((performance.now() - began) / 1_000).toFixed(0).padStart(5)} s  ${line}`);
  };
  const report = await lab.evaluate(name, { seeds, progress, traces: trace });
  console.log(json ? JSON.stringify(report, null, 2) : lab.renderReport(report, markdown === true));
  if (folder !== undefined) await plot(folder, report.charts);
}

async function plot(folder: string, charts: Readonly<Record<string, Chart>>): Promise<string[]> {
  const { renderChart } = await import("../controller/simulator/index.ts");
  return Promise.all(
    Object.entries(charts).map(async ([name, chart]) => {
      const path = join(folder, `${name}.svg`);
      try {
        await writeFile(path, renderChart(chart));
      } catch (thrown) {
        throw new CommandError(EXIT.FAILED, `Cannot write "${path}": ${messageOf(thrown)}`);
      }
      return path;
    }),
  );
}

/** Before a run that may take many minutes. */
function prepareFolder(folder: string): void {
  try {
    makeFolder(folder);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (thrown) {
    throw new CommandError(EXIT.USAGE, `Cannot plot into the folder "${folder}": ${messageOf(thrown)}`);
  }
}

function profileOf(
  { profile, noise }: Flags,
  lab: typeof import("../controller/simulator/index.ts"),
): ServiceProfile {
  const named = lab.isProfileName(profile) ? lab.PROFILES[profile] : undefined;
  const [fixedMs = Number.NaN, perRowMs = Number.NaN, maxRows = Number.NaN] = profile.split(",").map(Number);
  const given =
    fixedMs >= 0 && perRowMs >= 0 && fixedMs + perRowMs > 0 && Number.isInteger(maxRows) && maxRows > 0;
  if (named === undefined && !given) {
    throw new CommandError(
      EXIT.USAGE,
      `--profile is "${profile}", ${Object.keys(lab.PROFILES).join(", ")} or three numbers such as 10,0.5,64 are wanted`,
    );
  }
  const base = named ?? { name: profile, fixedMs, perRowMs, maxRows, noise: 0.05 };
  return noise === undefined ? base : { ...base, noise };
}

function titleOf({ name, profile, objectiveMs }: Scenario): string {
  return `${name}, ${profile.name} (${profile.fixedMs} + ${profile.perRowMs}·b ms), objective ${objectiveMs} ms`;
}

function heading(scenario: Scenario, all: readonly NamedRuns[]): string {
  const [first] = all[0]?.runs ?? [];
  const runs = all.flatMap((named) => named.runs);
  const requests = runs.reduce((sum, { counts }) => sum + counts.offered, 0);
  const wallS = runs.reduce((sum, { wallMs }) => sum + wallMs, 0) / 1_000;
  const rate = first === undefined ? 0 : first.counts.offered / first.seconds;
  return (
    `${titleOf(scenario)}: ${rate.toFixed(1)} requests/s for ${scenario.seconds} s; ` +
    `${runs.length} ${runs.length === 1 ? "run" : "runs"}, ${requests.toLocaleString("en-US")} requests in ${wallS.toFixed(1)} s`
  );
}

function explanations(all: readonly NamedRuns[]): string {
  return all
    .flatMap(({ name, runs: [run] }) => ["", name, ...(run?.explanations ?? []).map((line) => `  ${line}`)])
    .join("\n");
}

/** Everything but the series of each second. */
function figuresOf(scenario: Scenario, all: readonly NamedRuns[]): object {
  const { name, profile, objectiveMs, seconds: lasting } = scenario;
  return {
    workload: name,
    profile,
    objectiveMs,
    seconds: lasting,
    systems: all.map(({ name: system, runs }) => ({
      system,
      runs: runs.map((run) => ({ ...run, perSecond: undefined })),
    })),
  };
}

function number(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value > 0) || value === Number.POSITIVE_INFINITY)
      throw new InvalidArgumentError(`found "${text}", wanted a number above 0`);
    return value;
  });
}

function whole(flags: string, description: string, least = 0): Option {
  return new Option(flags, description).argParser((text) => {
    if (!/^\d{1,9}$/.test(text) || Number(text) < least)
      throw new InvalidArgumentError(`found "${text}", wanted a whole number from ${least} to 999999999`);
    return Number(text);
  });
}
