// Two gateway processes share the port: one is killed, then the deployment is rolled out through both.

import { configOf, type ConfigFile, echo, isHealthy } from "../config-file.ts";
import { listenersOn } from "../process-table.ts";
import { bothKinds } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const gatewayProcesses: Scenario = {
  name: "gateway-processes",
  title: "two gateway processes: a rollout, and kill -9 of one",
  run,
};

async function run(stage: Stage): Promise<void> {
  const minReady = stage.quick ? { min_ready_s: 0.5 } : {};
  const config = (version: string): ConfigFile => ({
    ...configOf(echo({ version, num_replicas: 2, user_config: { delay_ms: 20 }, ...minReady })),
    http_options: { processes: 2 },
  });
  const server = await stage.serve(config("1"));
  const healthy = (): Promise<unknown> =>
    server.untilStatus("it is healthy", (status) => isHealthy(status, "echo"));
  await healthy();
  const load = stage.load(bothKinds(server.url));
  await load.answered(100);
  const first = listenersOn(server.port);
  stage.promise("two processes listen", first.length === 2, first.join());

  load.enter("during");
  const startedMs = load.nowMs;
  await server.deploy(config("2"));
  await healthy();
  stage.fact("rolled out after ms", Math.round(load.nowMs - startedMs));
  await load.answered(50);

  const killed: { readonly fromMs: number; untilMs: number }[] = [];
  for (let round = 0; round < (stage.quick ? 1 : 5); round++) {
    const [victim = -1] = listenersOn(server.port);
    const times = { fromMs: load.nowMs, untilMs: Infinity };
    killed.push(times);
    process.kill(victim, "SIGKILL");
    await server.until("another one listens", () => {
      const pids = listenersOn(server.port);
      return pids.length === 2 && !pids.includes(victim);
    });
    times.untilMs = load.nowMs;
    stage.recovered(times.untilMs - times.fromMs);
    await load.answered(100);
  }
  load.enter("after");
  await load.answered(100);

  const { settled, report } = await stage.end(load);
  stage.promiseOf(
    "only what was on a connection of the killed process is lost",
    settled,
    ({ outcome, intendedMs, settledMs }) =>
      outcome.kind === "ok" ||
      (outcome.kind === "lost" &&
        killed.some(({ fromMs, untilMs }) => settledMs >= fromMs && intendedMs <= untilMs)),
  );
  const { opened } = report.connections;
  stage.promise(
    "a connection loses one request at most",
    report.lost < opened,
    `${report.lost} lost, ${opened} connections`,
  );
}
