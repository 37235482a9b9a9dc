// New versions take the place of the old one, of a deployment with several replicas and of one with a single replica.

import { configOf, type ConfigFile, echo, isHealthy, runningPids } from "../config-file.ts";
import { bothKinds, inference } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const rollout: Scenario = {
  name: "rollout",
  title: "a rollout of three replicas, and of one",
  run,
};

const NAMES = ["echo", "single"] as const;

async function run(stage: Stage): Promise<void> {
  const versions = stage.quick ? ["2"] : ["2", "3", "4"];
  const minReady = stage.quick ? { min_ready_s: 0.5 } : {};
  const config = (version: string): ConfigFile =>
    configOf(
      echo({ version, num_replicas: 3, user_config: { mark: version, delay_ms: 20 }, ...minReady }),
      echo({ version, name: "single", user_config: { mark: version }, ...minReady }),
    );
  const server = await stage.serve(config("1"));
  const settled = (): Promise<unknown> =>
    server.untilStatus("all is healthy", (status) => NAMES.every((name) => isHealthy(status, name)));
  await settled();
  const load = stage.load([...bothKinds(server.url), inference(server.url, "single")]);
  await load.answered(100);

  load.enter("during");
  let kept = 0;
  for (const version of versions) {
    const before = await server.status();
    const startedMs = load.nowMs;
    await server.deploy(config(version));
    await settled();
    stage.recovered(load.nowMs - startedMs);
    const after = await server.status();
    for (const name of NAMES) {
      const old = runningPids(before, name);
      kept += runningPids(after, name).filter((pid) => old.includes(pid)).length;
    }
  }
  load.enter("after");
  await load.answered(100);
  const marks = await Promise.all(
    NAMES.map(async (name) => (await (await fetch(`${server.url}/${name}/`)).text()).slice(0, 12)),
  );

  const result = await stage.end(load);
  stage.promiseNoneFailed(result);
  const newest = `{"mark":"${versions.at(-1)}"`;
  stage.promise(
    "the newest version answers",
    marks.every((text) => text.startsWith(newest)),
    marks.join(" "),
  );
  stage.promise("no old replica is left", kept === 0, `${kept} left`);
}
