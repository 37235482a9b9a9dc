// The same cases on Ray, where a Python with Ray is found: `ray microbenchmark` itself, one case at a time.

import { execFile } from "node:child_process";

/** The Python to ask, or undefined when none of them has Ray. */
export async function findRay(pythons: readonly string[]): Promise<string | undefined> {
  for (const python of pythons) {
    if (
      await run(python, ["-c", "import ray"]).then(
        () => true,
        () => false,
      )
    )
      return python;
  }
  return undefined;
}

/**
 * Ray's own script, told by its environment which case to run; it prints `name per second mean +- sd`. Its second half, of Ray
 * Client, would start a cluster for each of its cases, also for those that are not to run.
 */
const SCRIPT = `
import ray._private.ray_perf as ray_perf
ray_perf.client_microbenchmark_main = lambda results: results
ray_perf.main()
`;
const LINE = /^(.*?) per second ([\d.]+) \+- ([\d.]+)/;

/** Mean and deviation of one case on Ray; undefined when this Ray has no such case. */
export async function measureOnRay(
  python: string,
  name: string,
): Promise<{ readonly mean: number; readonly sd: number } | undefined> {
  const env = { ...process.env, TESTS_TO_RUN: name, SKIP_PROMETHEUS_REPORTING: "1" };
  const out = await run(python, ["-c", SCRIPT], env);
  for (const line of out.split("\n")) {
    const [, found, mean, sd] = LINE.exec(line.trim()) ?? [];
    if (found === name) return { mean: Number(mean), sd: Number(sd) };
  }
  return undefined;
}

function run(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 2 ** 26, ...(env === undefined ? {} : { env }) };
    execFile(command, [...args], options, (error, out) => {
      if (error === null) resolve(out);
      else reject(error);
    });
  });
}
