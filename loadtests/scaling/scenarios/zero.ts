// To none while nobody asks, and back with the first who does: nothing is lost, nobody is refused.

import type { Scenario } from "../scenario.ts";
import { sleeper } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { ms, SLEEP } from "./shared.ts";

export const zero: Scenario = { name: "zero", title: "to none and back, several times", run };

const AT_A_TIME = 20;

async function run(stage: Stage): Promise<void> {
  const rounds = stage.quick ? 2 : 10;
  const scaling = { min_replicas: 0, max_replicas: 1, keep_alive_s: 1, latency_slo_ms: 20_000 };
  await stage.serve(sleeper("idle", stage.folder, { sleep: SLEEP, autoscaling_config: scaling }));
  let answered = 0;
  let slowestMs = 0;
  for (let round = 0; round < rounds; round++) {
    await stage.untilReplicas("idle", "none runs", (running, target) => running === 0 && target === 0);
    const timesMs = Array.from({ length: AT_A_TIME }, (_, index) => index);
    const load = stage.load("idle", { arrivals: { kind: "times", timesMs }, seed: round + 1 });
    await load.ended();
    const { ok, p99Ms } = load.seen();
    answered += ok;
    slowestMs = Math.max(slowestMs, p99Ms);
  }
  await stage.untilReplicas("idle", "none runs again", (running, target) => running === 0 && target === 0);
  await stage.decisions("idle");
  const all = rounds * AT_A_TIME;
  stage.promise(
    "every request that found none is answered",
    answered === all,
    `${answered} of ${all} in ${rounds} rounds`,
  );
  stage.promise(
    "the first are answered within 2 s, a replica's start included",
    slowestMs <= 2_000,
    ms(slowestMs),
    { timed: true },
  );
}
