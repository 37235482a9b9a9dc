// Spikes of eight times the rate, again and again: replicas that one has brought are there for the next.

import type { Scenario } from "../scenario.ts";
import { share } from "../requests-seen.ts";
import { sleeper } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { OBJECTIVE_MS, percent, SLEEP } from "./shared.ts";

export const spikes: Scenario = { name: "spikes", title: "a train of spikes of eight times the rate", run };

const BASE_RATE = 4;

async function run(stage: Stage): Promise<void> {
  const [everyMs, lengthMs, count] = stage.quick ? [2_500, 1_000, 3] : [15_000, 4_000, 8];
  const scaling = { min_replicas: 1, max_replicas: 6, latency_slo_ms: OBJECTIVE_MS };
  await stage.serve(sleeper("spiked", stage.folder, { sleep: SLEEP, autoscaling_config: scaling }));
  const profile = { kind: "spikes", everyMs, lengthMs, factor: 8 } as const;
  const arrivals = { kind: "rate", ratePerSecond: BASE_RATE, profile } as const;
  const load = stage.load("spiked", { arrivals, durationMs: everyMs * count });
  await load.ended();
  await stage.untilReplicas("spiked", "all run", (running, target) => running >= target);
  const inTime = (spike: number): number => {
    const untilMs = everyMs * spike;
    const seen = load.seen({ fromMs: untilMs - lengthMs, untilMs, objectiveMs: OBJECTIVE_MS });
    return share(seen.inTime, seen.sent);
  };
  const [first, last] = [inTime(1), inTime(count)];
  stage.promise(
    "the last spike does no worse than the first",
    last >= first,
    `${percent(first)} → ${percent(last)}`,
    { timed: true },
  );
  stage.promise("of the last spike 95 % are in time", last >= 0.95, percent(last), { timed: true });
  const directions = (await stage.decisions("spiked")).flatMap(({ from, to }) => Math.sign(to - from) || []);
  const ups = directions.filter((direction) => direction > 0).length;
  stage.promise("a spike brings replicas", ups > 0, `${ups} times more`);
  const turns = directions.filter(
    (direction, index) => index > 0 && direction !== directions[index - 1],
  ).length;
  stage.promise(
    "replicas do not come and go with every spike",
    turns < count - 1,
    `${turns} turns in ${count} spikes`,
  );
}
