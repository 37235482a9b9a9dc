// Replicas are killed one after the other; those of a model, whose requests may run again, and those of a module, whose
// may not.

import { setTimeout as sleep } from "node:timers/promises";
import { configOf, echo, isHealthy, runningPids } from "../config-file.ts";
import { identityModel } from "../identity-model.ts";
import { Replacements } from "../replacements.ts";
import { inference } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const REPLICAS = 3;
const PERIOD_MS = 1_000;
const NAMES = ["echo", "net"] as const;

export const killReplicas: Scenario = {
  name: "kill-replicas",
  title: "kill -9 of a random replica every second",
  run,
};

async function run(stage: Stage): Promise<void> {
  const model = await identityModel(stage.folder);
  const server = await stage.serve(
    configOf(
      { name: "net", model, num_replicas: REPLICAS, resources: { num_cpus: 0.1 } },
      echo({ num_replicas: REPLICAS, user_config: { delay_ms: 20 } }),
    ),
  );
  const allRun = (): Promise<unknown> =>
    server.untilStatus("every replica runs", (status) => NAMES.every((name) => isHealthy(status, name)));
  await allRun();
  await using replacements = await Replacements.watch(server, NAMES, (tookMs) => stage.recovered(tookMs));
  const load = stage.load([inference(server.url, "net"), inference(server.url, "echo")]);
  await load.answered(100);

  load.enter("during");
  const rounds = (stage.quick ? 8_000 : 120_000) / PERIOD_MS;
  let killed = 0;
  for (let round = 0; round < rounds; round++) {
    const status = await server.status();
    const running = NAMES.flatMap((name) => runningPids(status, name).map((pid) => ({ name, pid })));
    const victim = running[Math.floor(stage.random.uniform() * running.length)];
    if (victim !== undefined && kill(victim.pid)) {
      killed++;
      replacements.lost(victim.name);
    }
    await sleep(PERIOD_MS, undefined, { signal: stage.signal });
  }
  await allRun();
  await server.until("each is replaced", () => replacements.missing === 0);
  load.enter("after");
  await load.answered(100);

  const result = await stage.end(load);
  stage.fact("replicas killed", killed);
  stage.promise("replicas are killed", killed > rounds / 2, `${killed} in ${rounds} rounds`);
  stage.promiseAccounted(result, ["REPLICA_DIED"]);
  const { report } = result;
  stage.fact("failed of the model", report.classes["net infer"]?.failed ?? 0);
  stage.fact("failed of the module", report.classes["echo infer"]?.failed ?? 0);
}

/** False when it had ended already. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
