// The rate goes up to eight times, straight: replicas come before they are missed.

import type { Scenario } from "../scenario.ts";
import { share } from "../requests-seen.ts";
import { sleeper } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { OBJECTIVE_MS, percent, SLEEP } from "./shared.ts";

export const ramp: Scenario = { name: "ramp", title: "up to eight times the rate, straight", run };

const BASE_RATE = 6;

async function run(stage: Stage): Promise<void> {
  const [fromMs, untilMs, afterMs] = stage.quick ? [1_000, 6_000, 1_000] : [10_000, 70_000, 20_000];
  const scaling = { min_replicas: 1, max_replicas: 6, latency_slo_ms: OBJECTIVE_MS };
  await stage.serve(sleeper("ramped", stage.folder, { sleep: SLEEP, autoscaling_config: scaling }));
  const profile = { kind: "ramp", fromMs, untilMs, factor: 8 } as const;
  const load = stage.load("ramped", { arrivals: { kind: "rate", ratePerSecond: BASE_RATE, profile } });
  await stage.wait(untilMs);
  await stage.untilReplicas("ramped", "enough run", (running, target) => running >= 3 && running >= target);
  const metMs = load.nowMs;
  await stage.wait(afterMs);
  await load.end();
  const before = load.seen({ untilMs: fromMs, objectiveMs: OBJECTIVE_MS });
  const after = load.seen({ fromMs: metMs, objectiveMs: OBJECTIVE_MS });
  const whole = load.seen({ objectiveMs: OBJECTIVE_MS });
  const [was, is, all] = [before, after, whole].map(({ inTime, sent }) => share(inTime, sent));
  stage.promise(
    "at the top, as many are in time as at the foot",
    (is ?? 0) >= (was ?? 1) - 0.1,
    `${percent(was ?? 0)} → ${percent(is ?? 0)}`,
    { timed: true },
  );
  stage.promise("95 % are in time all the way", (all ?? 0) >= 0.95, percent(all ?? 0), { timed: true });
  const decisions = await stage.decisions("ramped");
  const down = decisions.filter(({ from, to }) => to < from);
  stage.promise(
    "none is taken away while the rate rises",
    down.length === 0,
    `${decisions.length} decisions`,
  );
}
