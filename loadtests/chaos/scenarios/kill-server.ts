// The server is killed and started again without its config, on the same port.

import { configOf, echo, isHealthy } from "../config-file.ts";
import { identityModel } from "../identity-model.ts";
import { inference } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const killServer: Scenario = {
  name: "kill-server",
  title: "kill -9 of the server, and a start from its store",
  run,
};

async function run(stage: Stage): Promise<void> {
  const model = await identityModel(stage.folder);
  const net = { name: "net", model, resources: { num_cpus: 0.1 } };
  const first = await stage.serve(configOf(net));
  const wanted = configOf(net, echo({ num_replicas: 2, user_config: { delay_ms: 20 } }));
  // What the store has is what was deployed last, not what the config file says.
  await first.deploy(wanted);
  const allRun = (server: typeof first): Promise<unknown> =>
    server.untilStatus("all is healthy", (status) => isHealthy(status, "net") && isHealthy(status, "echo"));
  await allRun(first);
  const load = stage.load([inference(first.url, "net"), inference(first.url, "echo")]);
  await load.answered(100);

  load.enter("during");
  const killedMs = load.nowMs;
  await first.kill();
  const second = await stage.serve(undefined, first.port);
  stage.fact("listens again after ms", Math.round(load.nowMs - killedMs));
  await allRun(second);
  stage.recovered(load.nowMs - killedMs);
  const backMs = load.nowMs;
  load.enter("after");
  await load.answered(100);

  const { settled } = await stage.end(load);
  const names = Object.keys((await second.status()).applications).toSorted();
  stage.promise("every application is back", names.join() === "echo,net", names.join());
  stage.promiseOf(
    "nothing fails but what was open when it was killed, or came while it was down",
    settled,
    ({ outcome, intendedMs, settledMs }) =>
      outcome.kind === "ok" || (settledMs >= killedMs && intendedMs < backMs && outcome.kind !== "timedOut"),
  );
}
