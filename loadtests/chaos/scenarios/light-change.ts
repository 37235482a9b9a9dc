// Settings change that need no new process: every replica that ran goes on running.

import { configOf, type ConfigFile, deploymentIn, echo, isHealthy, runningPids } from "../config-file.ts";
import { bothKinds } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const lightChange: Scenario = {
  name: "light-change",
  title: "user_config, limits, timeouts, batching and counts change",
  run,
};

const CHANGES: readonly Readonly<Record<string, unknown>>[] = [
  { user_config: { mark: "second", delay_ms: 10 } },
  { max_queued_requests: 500, max_ongoing_requests: 40 },
  {
    request_timeout_s: 30,
    graceful_shutdown_timeout_s: 5,
    health_check_period_s: 2,
    health_check_timeout_s: 3,
  },
  { batching: { max_batch_size: 4, batch_wait_timeout_s: 0.005 } },
  { num_replicas: 4 },
  { user_config: { mark: "third", delay_ms: 10 } },
];

async function run(stage: Stage): Promise<void> {
  const first = {
    num_replicas: 3,
    user_config: { mark: "first", delay_ms: 10 },
    min_ready_s: stage.quick ? 0.2 : 2,
  };
  const server = await stage.serve(configOf(echo(first)));
  const healthy = await server.untilStatus("it is healthy", (status) => isHealthy(status, "echo"));
  const pids = runningPids(healthy, "echo");
  const load = stage.load(bothKinds(server.url));
  await load.answered(100);

  load.enter("during");
  let settings: Readonly<Record<string, unknown>> = first;
  for (const change of CHANGES) {
    settings = { ...settings, ...change };
    const config: ConfigFile = configOf(echo(settings));
    const startedMs = load.nowMs;
    await server.deploy(config);
    const wanted = Number(settings["num_replicas"]);
    const status = await server.untilStatus(`${Object.keys(change).join()} is changed`, (now) => {
      const { target_num_replicas: target } = deploymentIn(now, "echo");
      return isHealthy(now, "echo") && target === wanted && runningPids(now, "echo").length === wanted;
    });
    stage.recovered(load.nowMs - startedMs);
    const now = runningPids(status, "echo");
    stage.promiseKept(`${Object.keys(change).join()}: no replica is another`, pids, now);
    await load.answered(20);
  }
  load.enter("after");
  await load.answered(100);
  const text = await (await fetch(`${server.url}/echo/`)).text();

  stage.promiseNoneFailed(await stage.end(load));
  stage.promise("replicas have the new user_config", text.startsWith('{"mark":"third"'), text);
}
