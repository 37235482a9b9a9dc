// `shoal microbenchmark`: how fast the runtime is on this machine, case by case, and beside Ray.

import { Command, Option } from "commander";
import { Runtime } from "../../runtime/core/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "../exit-codes.ts";
import { type CaseMaker, CASES } from "./cases.ts";
import { type Figure, measure, QUICK_ROUNDS, RAY_ROUNDS } from "./measure.ts";
import { findRay, measureOnRay } from "./ray.ts";

interface Flags {
  readonly quick?: true;
  readonly only?: RegExp;
  readonly json?: true;
  readonly compare?: "ray";
}

interface Compared extends Figure {
  readonly ray?: { readonly mean: number; readonly sd: number };
}

export function microbenchmarkCommand(): Command {
  return new Command("microbenchmark")
    .description(
      "Measure the runtime as `ray microbenchmark` measures Ray: the same names, warm-up and rounds.",
    )
    .option("--quick", "one short round a case, for a look")
    .addOption(
      new Option("--only <pattern>", "cases whose name matches").argParser((text) => new RegExp(text)),
    )
    .option("--json", "print name, unit, mean and sd of each case as JSON")
    .addOption(
      new Option(
        "--compare <what>",
        "run Ray in turn, with a Python that has it ($SHOAL_PYTHON or python3)",
      ).choices(["ray"]),
    )
    .addHelpText("after", EXIT_HELP)
    .action(microbenchmark);
}

async function microbenchmark({ quick, only, json, compare }: Flags): Promise<void> {
  const chosen = CASES.filter(({ name }) => only?.test(name) ?? true);
  if (chosen.length === 0) {
    throw new CommandError(
      EXIT.USAGE,
      `No case matches ${String(only)}; there is: ${CASES.map(({ name }) => name).join(", ")}`,
    );
  }
  const python =
    compare === "ray" ? await findRay([process.env["SHOAL_PYTHON"] ?? "python3", "python3"]) : undefined;
  if (compare === "ray" && python === undefined) {
    throw new CommandError(
      EXIT.FAILED,
      "No Python with Ray was found: pip install ray, and set SHOAL_PYTHON to its Python.",
    );
  }
  const figures: Compared[] = [];
  for (const maker of chosen) {
    const figure = await measureAlone(maker, quick === true);
    const ray = python === undefined ? undefined : await measureOnRay(python, maker.name);
    const compared: Compared = ray === undefined ? figure : { ...figure, ray };
    figures.push(compared);
    if (!json) console.log(lineOf(compared));
  }
  if (json) console.log(JSON.stringify(figures, null, 2));
}

/** Each case has a runtime of its own, so that none pays for what another left. */
async function measureAlone(maker: CaseMaker, quick: boolean): Promise<Figure> {
  await using runtime = await Runtime.start({ resources: { custom: 100 }, logToDriver: false });
  return await measure(await maker.make(runtime), quick ? QUICK_ROUNDS : RAY_ROUNDS);
}

function lineOf({ name, unit, mean, sd, ray }: Compared): string {
  const own = `${name.padEnd(46)} ${show(mean).padStart(11)} ± ${show(sd).padStart(8)} ${unit.padEnd(4)}`;
  if (ray === undefined) return own.trimEnd();
  return `${own}  Ray ${show(ray.mean).padStart(9)}  ${(mean / ray.mean).toFixed(1)}x`;
}

function show(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(2);
}
