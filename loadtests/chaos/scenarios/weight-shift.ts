// Requests to one route go from one version to another, in three steps.

import {
  type ConfigFile,
  echo,
  isHealthy,
  type StatusView,
  type TrafficVersionView,
} from "../config-file.ts";
import { inference, webRequest } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const weightShift: Scenario = {
  name: "weight-shift",
  title: "weights of two versions go from 100/0 to 50/50 to 0/100",
  run,
};

function configFor(weight: number): ConfigFile {
  const settings = { num_replicas: 2, user_config: { delay_ms: 10 }, min_ready_s: 0.5 };
  return {
    applications: [
      {
        name: "app",
        route_prefix: "/app",
        deployments: [
          echo({ name: "old", version: "1", ...settings }),
          echo({ name: "new", version: "2", ...settings }),
        ],
        traffic: {
          model: "both",
          versions: [
            { deployment: "old", weight: 100 - weight },
            { deployment: "new", weight },
          ],
        },
      },
    ],
  };
}

async function run(stage: Stage): Promise<void> {
  const server = await stage.serve(configFor(0));
  await server.untilStatus("all is healthy", (now) => isHealthy(now, "old") && isHealthy(now, "new"));
  const load = stage.load([webRequest(server.url, "app"), inference(server.url, "both")]);
  await load.answered(100);

  load.enter("during");
  for (const weight of [50, 100]) {
    const startedMs = load.nowMs;
    await server.deploy(configFor(weight));
    const before = await server.untilStatus(
      `weight ${weight}`,
      (now) => versionOf(now, "new").share === weight,
    );
    stage.recovered(load.nowMs - startedMs);
    const count = stage.quick ? 100 : 1_000;
    await load.answered(count);
    // Reports of requests come a little later than their answers.
    const after = await server.untilStatus("they are counted", (now) => answered(before, now) >= count / 2);
    const share = (100 * (answeredBy(after, "new") - answeredBy(before, "new"))) / answered(before, after);
    const found = `${share.toFixed(1)} % of ${answered(before, after)} requests`;
    // What was on its way in the moment of the change may be counted behind it.
    const right = weight === 100 ? share > 90 : share > 25 && share < 75;
    stage.promise(`at weight ${weight} the new version has its share`, right, found);
  }
  load.enter("after");
  await load.answered(100);
  stage.promiseNoneFailed(await stage.end(load));
}

function answered(before: StatusView, after: StatusView): number {
  return ["old", "new"].reduce((sum, name) => sum + answeredBy(after, name) - answeredBy(before, name), 0);
}

function answeredBy(status: StatusView, name: string): number {
  return versionOf(status, name).requests.answered;
}

function versionOf(status: StatusView, name: string): TrafficVersionView {
  const version = status.applications["app"]?.traffic?.versions.find(({ deployment }) => deployment === name);
  if (version === undefined) throw new Error(`Cannot find version "${name}" in the status`);
  return version;
}
