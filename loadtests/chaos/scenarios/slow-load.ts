// A model that takes long to load is deployed beside one that serves.

import { configOf, deploymentIn, echo, isHealthy, runningPids } from "../config-file.ts";
import { bothKinds } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const slowLoad: Scenario = {
  name: "slow-load",
  title: "a model that takes 30 s to load is deployed beside another",
  run,
};

async function run(stage: Stage): Promise<void> {
  const loadMs = stage.quick ? 5_000 : 30_000;
  const quick = echo({ num_replicas: 2, user_config: { delay_ms: 10 } });
  const server = await stage.serve(configOf(quick));
  const first = await server.untilStatus("it is healthy", (status) => isHealthy(status, "echo"));
  const load = stage.load(bothKinds(server.url));
  await load.answered(100);

  load.enter("during");
  const startedMs = load.nowMs;
  const slow = echo({ name: "slow", user_config: { load_ms: loadMs, mark: "slow" } });
  await server.deploy(configOf(quick, slow));
  await server.untilStatus("it is loading", (status) => deploymentIn(status, "slow").replicas.length === 1);
  await load.answered(100);
  const early = await fetch(`${server.url}/slow/`);
  const refusal = await early.text();
  const last = await server.untilStatus("it is loaded", (status) => isHealthy(status, "slow"));
  stage.recovered(load.nowMs - startedMs);
  const late = await (await fetch(`${server.url}/slow/`)).text();
  load.enter("after");
  await load.answered(100);

  stage.promiseNoneFailed(await stage.end(load));
  const refused = early.status === 503 && refusal.includes("NOT_READY");
  stage.promise("the one that loads refuses at once", refused, `${early.status} ${refusal}`);
  stage.promise("it answers once it is loaded", late.startsWith('{"mark":"slow"'), late);
  stage.promiseKept(
    "the other has the replicas it had",
    runningPids(first, "echo"),
    runningPids(last, "echo"),
  );
}
