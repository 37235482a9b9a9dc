// A replica is stopped with SIGSTOP, in the middle of requests.

import { setTimeout as sleep } from "node:timers/promises";
import { configOf, echo, isHealthy, runningPids } from "../config-file.ts";
import { identityModel } from "../identity-model.ts";
import { isRunning } from "../process-table.ts";
import { Replacements } from "../replacements.ts";
import { inference, webRequest } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const hungReplica: Scenario = {
  name: "hung-replica",
  title: "a replica is stopped with SIGSTOP",
  run,
};

const CHECK_PERIOD_MS = 1_000;
const NAMES = ["echo", "net"] as const;

async function run(stage: Stage): Promise<void> {
  const model = await identityModel(stage.folder);
  const common = {
    num_replicas: 2,
    resources: { num_cpus: 0.1 },
    health_check_period_s: CHECK_PERIOD_MS / 1_000,
    min_ready_s: 1,
  };
  const server = await stage.serve(
    configOf({ name: "net", model, ...common }, echo({ ...common, user_config: { delay_ms: 20 } })),
  );
  const allRun = (): Promise<unknown> =>
    server.untilStatus("all is healthy", (status) => NAMES.every((name) => isHealthy(status, name)));
  await allRun();
  await using replacements = await Replacements.watch(server, NAMES, (tookMs) => stage.recovered(tookMs));
  const load = stage.load([inference(server.url, "net"), inference(server.url), webRequest(server.url)]);
  await load.answered(100);

  load.enter("during");
  const foundMs: number[] = [];
  for (let round = 0; round < (stage.quick ? 1 : 5); round++) {
    for (const name of NAMES) {
      const [victim] = runningPids(await server.status(), name);
      if (victim === undefined) throw new Error(`Deployment "${name}" has no replica`);
      process.kill(victim, "SIGSTOP");
      replacements.lost(name);
      const stoppedMs = performance.now();
      await server.until("the stopped replica is killed", () => !isRunning(victim));
      foundMs.push(performance.now() - stoppedMs);
      await server.until("it is replaced", () => replacements.missing === 0);
      await allRun();
      // Not always at the same point of the checks' period.
      await sleep(stage.random.uniform() * CHECK_PERIOD_MS, undefined, { signal: stage.signal });
    }
  }
  load.enter("after");
  await load.answered(100);

  const result = await stage.end(load);
  stage.promiseAccounted(result, ["REPLICA_DIED"]);
  const { report } = result;
  stage.fact("failed of the model", report.classes["net infer"]?.failed ?? 0);
  stage.fact(
    "failed of the module",
    (report.classes["echo infer"]?.failed ?? 0) + (report.classes["echo web"]?.failed ?? 0),
  );
  const longestMs = Math.max(...foundMs);
  stage.fact("found and killed after ms", foundMs.map((ms) => Math.round(ms)).join(" "));
  stage.promise(
    "a hung replica is found within two check periods",
    longestMs <= 2 * CHECK_PERIOD_MS + 200,
    `${Math.round(longestMs)} ms at the longest, period ${CHECK_PERIOD_MS} ms`,
    { timed: true },
  );
}
