// `npm run bench`: measures the door alone, the engine alone and Shoal, and says how they compare. See HELP in
// options.ts and loadtests/README.md.

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { Generator } from "../http/generator.ts";
import { BENCH_MODELS, writeBenchModels } from "../models/bench-models.ts";
import { DECISIONS_ID, decisionVerdicts, measureDecisions } from "./decision-cost.ts";
import { bodyVerdict, flatVerdicts, loadFigures, loadVerdicts, rawFigures } from "./figures.ts";
import { measureBodyCopies, measureFlatness } from "./memory-scenarios.ts";
import { type BenchOptions, HELP, parseOptions } from "./options.ts";
import { startDoor, startRawLoop, startShoal } from "./processes.ts";
import { measureReconcile, RECONCILE_ID, reconcileVerdicts } from "./reconcile-cost.ts";
import { renderResults } from "./render.ts";
import { type Measurement, measureRounds, warmUp } from "./rounds.ts";
import { planMemory, planScenarios } from "./scenarios.ts";

const owned = new AsyncDisposableStack();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void owned.disposeAsync().then(() => process.exit(130)));
}

function say(what: string): void {
  // One line that is written over on a terminal, lines in a file.
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${what}` : `${what}\n`);
}

function machineLine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${model}, ${availableParallelism()} cores, ${gigabytes} GiB, ${process.platform} ${process.arch}, Node ${process.version}`;
}

async function measure(options: BenchOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "shoal-bench-"));
  owned.defer(() => rm(folder, { recursive: true, force: true }));
  say("making the models");
  const paths = await writeBenchModels(folder);
  const pathOf = (name: string): string => paths.get(name) ?? "";
  const generator = owned.use(await Generator.start());
  const door = owned.use(await startDoor());
  const rawLoop = owned.use(await startRawLoop());

  const measurements: Measurement[] = [];
  const scenarios = planScenarios(options, availableParallelism());
  for (const scenario of scenarios) {
    const { model, maxBatchSize } = scenario;
    const modelPath = pathOf(model.name);
    say(`starting Shoal with ${model.title}`);
    await using shoal = await startShoal(folder, { name: model.name, path: modelPath, maxBatchSize });
    const contenders = { generator, door, shoal, rawLoop, modelPath };
    say(`warming up ${model.title}`);
    await warmUp(scenario, contenders);
    const onStep = (what: string): void => say(`${model.title}, ${what}`);
    measurements.push(...(await measureRounds(scenario, contenders, { rounds: options.rounds, onStep })));
  }

  const memory = await measureMemory(options, { folder, generator, pathOf });
  say(DECISIONS_ID);
  const decisions = (options.only?.test(DECISIONS_ID) ?? true) ? await measureDecisions(options.rounds) : [];
  say(RECONCILE_ID);
  const reconcile = (options.only?.test(RECONCILE_ID) ?? true) ? await measureReconcile() : [];
  say("");
  const loads = loadFigures(scenarios, measurements);
  const verdicts = [
    ...loadVerdicts(loads),
    ...(memory.body === undefined ? [] : [bodyVerdict(memory.body)]),
    ...(memory.flat === undefined ? [] : flatVerdicts(memory.flat)),
    ...decisionVerdicts(decisions),
    ...reconcileVerdicts(reconcile),
  ];
  const raws = rawFigures(scenarios, measurements);
  const results = {
    machine: machineLine(),
    rounds: options.rounds,
    loads,
    raws,
    ...memory,
    decisions,
    reconcile,
    verdicts,
  };
  const text = options.json
    ? JSON.stringify({ ...results, measurements }, undefined, 2)
    : renderResults(results);
  process.stdout.write(`${text}\n`);
}

interface MemorySurroundings {
  readonly folder: string;
  readonly generator: Generator;
  readonly pathOf: (name: string) => string;
}

/** The memory figures, each with a server that has served nothing before; only where /proc exists. */
async function measureMemory(options: BenchOptions, { folder, generator, pathOf }: MemorySurroundings) {
  const plan = planMemory(options);
  const wanted = (id: string): boolean => process.platform === "linux" && (options.only?.test(id) ?? true);
  const withServer = async <T>(
    model: keyof typeof BENCH_MODELS,
    use: (shoal: Awaited<ReturnType<typeof startShoal>>) => Promise<T>,
  ): Promise<T> => {
    const { name } = BENCH_MODELS[model];
    await using shoal = await startShoal(folder, { name, path: pathOf(name), maxBatchSize: 32 });
    return await use(shoal);
  };
  say("memory");
  const body = wanted("memory body")
    ? await withServer("identity", (shoal) =>
        measureBodyCopies({ generator, shoal }, BENCH_MODELS.identity, plan),
      )
    : undefined;
  const flat = wanted("memory flat")
    ? await withServer("mlp", (shoal) => measureFlatness({ generator, shoal }, BENCH_MODELS.mlp, plan))
    : undefined;
  return { body, flat };
}

/** The options; undefined when there is nothing to measure, and the exit code is set. */
function readOptions(): BenchOptions | undefined {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options === undefined) process.stdout.write(`${HELP}\n`);
    return options;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const options = readOptions();
try {
  if (options !== undefined) await measure(options);
} catch (error) {
  process.stderr.write(`\n${messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  await owned.disposeAsync();
}
