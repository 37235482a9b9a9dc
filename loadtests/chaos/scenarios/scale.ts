// The number of replicas is changed by hand, up and down.

import { configOf, deploymentIn, echo, isHealthy } from "../config-file.ts";
import { bothKinds } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const scale: Scenario = {
  name: "scale",
  title: "replicas by hand: 1 → 8 → 1",
  run,
};

async function run(stage: Stage): Promise<void> {
  const config = (replicas: number) =>
    configOf(
      echo({
        num_replicas: replicas,
        user_config: { delay_ms: 20 },
        resources: { num_cpus: 0.05 },
        min_ready_s: 0.5,
      }),
    );
  const server = await stage.serve(config(1));
  await server.untilStatus("it is healthy", (now) => isHealthy(now, "echo"));
  const load = stage.load(bothKinds(server.url));
  await load.answered(100);

  load.enter("during");
  for (const replicas of [8, 1]) {
    const startedMs = load.nowMs;
    await server.deploy(config(replicas));
    await server.untilStatus(
      `${replicas} replicas`,
      (now) => isHealthy(now, "echo") && deploymentIn(now, "echo").replicas.length === replicas,
    );
    stage.recovered(load.nowMs - startedMs);
    await load.answered(100);
  }
  load.enter("after");
  await load.answered(100);
  stage.promiseNoneFailed(await stage.end(load));
}
