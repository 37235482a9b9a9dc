// Nearly twice what can be done, in three priorities: the high ones are answered, the low ones are refused.

import type { Scenario } from "../scenario.ts";
import { share } from "../requests-seen.ts";
import { fullRate, sleeper } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { OBJECTIVE_MS, percent, SLEEP } from "./shared.ts";

export const priorities: Scenario = {
  name: "priorities",
  title: "three priorities, more than can be done",
  run,
};

const REPLICAS = 2;
const BANDS = ["high", "normal", "low"];
/** Each band asks for so much of what can be done. */
const LOAD_OF_EACH = 0.6;

async function run(stage: Stage): Promise<void> {
  const forMs = stage.quick ? 4_000 : 60_000;
  const settings = { num_replicas: REPLICAS, autoscaling_config: { latency_slo_ms: OBJECTIVE_MS } };
  await stage.serve(sleeper("ranked", stage.folder, { sleep: SLEEP, ...settings }));
  const requests = BANDS.map((name) => ({
    ...stage.request("ranked"),
    name,
    headers: { "content-type": "application/json", "x-shoal-priority": name },
  }));
  const ratePerSecond = BANDS.length * LOAD_OF_EACH * REPLICAS * fullRate(SLEEP);
  const load = stage.load("ranked", {
    requests,
    arrivals: { kind: "rate", ratePerSecond },
    durationMs: 1_000 + forMs,
  });
  await load.ended();
  const [high = 0, normal = 0, low = 0] = BANDS.map((className) => {
    const { inTime, sent } = load.seen({ fromMs: 1_000, className, objectiveMs: OBJECTIVE_MS });
    return share(inTime, sent);
  });
  const found = `${percent(high)}, ${percent(normal)}, ${percent(low)} in time`;
  stage.promise(
    "a higher priority is answered more often",
    high >= normal && normal >= low && high > low,
    found,
  );
  stage.promise("of the high ones nearly all are in time", high >= 0.9, found, { timed: true });
}
