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
  const sentMs = load.nowMs;
  // A request that comes meanwhile waits.
  const early = await fetch(`${server.url}/slow/`);
  const answer = await early.text();
  stage.fact("a request waited for it ms", Math.round(load.nowMs - sentMs));
  const last = await server.untilStatus("it is loaded", (status) => isHealthy(status, "slow"));
  stage.recovered(load.nowMs - startedMs);
  load.enter("after");
  await load.answered(100);

  stage.promiseNoneFailed(await stage.end(load));
  stage.promise("a request to the one that loads is answered", answer.startsWith('{"mark":"slow"'), answer);
  const [before, after] = [runningPids(first, "echo"), runningPids(last, "echo")];
  stage.promise("the other has the replicas it had", before.join() === after.join(), `${before} → ${after}`);
}
