// The controller is a process of its own, and is killed again and again: with nothing under way, in the middle of a change
// of scale, in the middle of a rollout. Requests do not notice; what was under way is done by the next one.

import { setTimeout as sleep } from "node:timers/promises";
import {
  configOf,
  type ConfigFile,
  deploymentIn,
  echo,
  isHealthy,
  runningPids,
  type StatusView,
} from "../config-file.ts";
import type { LiveServer } from "../live-server.ts";
import { listenersOn } from "../process-table.ts";
import { bothKinds } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const controllerRestarts: Scenario = {
  name: "controller-restarts",
  title: "kill -9 of the controller: at rest, while it scales, while it rolls out",
  run,
};

async function run(stage: Stage): Promise<void> {
  const config = (version: string, replicas: number): ConfigFile => ({
    ...configOf(
      echo({
        version,
        num_replicas: replicas,
        user_config: { delay_ms: 20 },
        resources: { num_cpus: 0.05 },
        min_ready_s: 0.5,
      }),
    ),
    http_options: { processes: 2 },
  });
  const server = await stage.serve(config("1", 2));
  const healthy = (replicas: number): Promise<StatusView> =>
    server.untilStatus(
      `${replicas} replicas`,
      (now) => isHealthy(now, "echo") && runningPids(now, "echo").length === replicas,
    );
  const before = runningPids(await healthy(2), "echo");
  const gateways = listenersOn(server.port);
  const load = stage.load(bothKinds(server.url));
  await load.answered(100);

  load.enter("during");
  let kills = 0;
  const kill = async (): Promise<StatusView> => {
    const killedMs = load.nowMs;
    const after = await killController(server);
    stage.recovered(load.nowMs - killedMs);
    kills++;
    return after;
  };
  for (let round = 0; round < (stage.quick ? 1 : 3); round++) {
    stage.promiseKept("replicas run on", before, runningPids(await kill(), "echo"));
    await load.answered(50);
  }

  await server.deploy(config("1", 4));
  await kill();
  const scaled = runningPids(await healthy(4), "echo");
  stage.promiseKept("replicas run on while it scales", before, scaled);

  await server.deploy(config("2", 4));
  await kill();
  for (let round = 0; round < (stage.quick ? 1 : 3); round++) {
    await sleep(stage.random.uniform() * 1_000, undefined, { signal: stage.signal });
    await kill();
  }
  const rolled = runningPids(await healthy(4), "echo");
  stage.promise("no old replica is left", !rolled.some((pid) => scaled.includes(pid)), rolled.join(" "));

  load.enter("after");
  await server.deploy(config("2", 3));
  const last = await healthy(3);
  await load.answered(100);
  const fewer = runningPids(last, "echo").filter((pid) => rolled.includes(pid));
  stage.promise("a light change starts no replica", fewer.length === 3, fewer.join(" "));
  stage.promiseKept("gateway processes run on", gateways, listenersOn(server.port));
  const restarts = last.controller?.restarts ?? 0;
  stage.promise("each one killed was followed by one", restarts === kills, `${restarts} of ${kills}`);
  stage.promise("replicas are known once", deploymentIn(last, "echo").replicas.length === 3, "by status");
  stage.promiseNoneFailed(await stage.end(load));
}

/** Resolves with what the next one says of itself and of all. */
async function killController(server: LiveServer): Promise<StatusView> {
  const pid = (await server.status()).controller?.pid;
  if (pid === undefined) throw new Error("The controller is no process of its own");
  process.kill(pid, "SIGKILL");
  let next: StatusView | undefined;
  await server.until("another controller", async () => {
    next = await server.status().catch(() => undefined); // its listener is gone for a moment
    return next?.controller !== undefined && next.controller.pid !== pid;
  });
  if (next === undefined) throw new Error("No status was looked at");
  return next;
}
