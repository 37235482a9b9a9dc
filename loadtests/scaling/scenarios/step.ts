// The rate goes up eightfold at once: replicas are asked for within a second, and once they run all is as before.

import type { Scenario } from "../scenario.ts";
import { share } from "../requests-seen.ts";
import { sleeper } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { OBJECTIVE_MS, percent, SLEEP } from "./shared.ts";

export const step: Scenario = { name: "step", title: "eight times the rate, at once", run };

const BASE_RATE = 6;
const FACTOR = 8;
/** What eight times the rate takes at least: 48 requests a second, 16 a replica. */
const FEWEST = 3;

async function run(stage: Stage): Promise<void> {
  const [beforeMs, afterMs] = stage.quick ? [2_000, 2_000] : [15_000, 30_000];
  const scaling = { min_replicas: 1, max_replicas: 6, latency_slo_ms: OBJECTIVE_MS };
  await stage.serve(sleeper("stepped", stage.folder, { sleep: SLEEP, autoscaling_config: scaling }));
  const profile = { kind: "step", atMs: beforeMs, factor: FACTOR } as const;
  const load = stage.load("stepped", { arrivals: { kind: "rate", ratePerSecond: BASE_RATE, profile } });
  await stage.wait(beforeMs);
  const base = await stage.untilReplicas("stepped", "it is as it was", () => true, { settled: false });
  const more = (_: number, target: number): boolean => target > base;
  await stage.untilReplicas("stepped", "more are asked for", more, { settled: false });
  const askedMs = load.nowMs;
  await stage.untilReplicas(
    "stepped",
    "enough run",
    (running, target) => running >= FEWEST && running >= target,
  );
  const metMs = load.nowMs;
  await stage.wait(afterMs);
  await load.end();
  const first = (await stage.decisions("stepped")).find(({ to, from }) => to > from);
  const before = load.seen({ untilMs: beforeMs, objectiveMs: OBJECTIVE_MS });
  const after = load.seen({ fromMs: metMs, objectiveMs: OBJECTIVE_MS });
  const [was, is] = [share(before.inTime, before.sent), share(after.inTime, after.sent)];
  stage.promise(
    "the reason says what was measured",
    /req\/s measured/.test(first?.explanation ?? ""),
    first?.explanation ?? "",
  );
  stage.promise("once they run, they answer", after.ok > before.ok, `${after.ok} of ${after.sent}`);
  stage.promise(
    "once they run, as many are in time as before",
    is >= was - 0.1,
    `${percent(was)} → ${percent(is)}`,
    { timed: true },
  );
  stage.promise(
    "more are asked for within a second",
    askedMs - beforeMs <= 1_000,
    seconds(askedMs - beforeMs),
    { timed: true },
  );
  stage.promise(
    "enough run within their start and a second more",
    metMs - askedMs <= 3_000,
    seconds(metMs - askedMs),
    { timed: true },
  );
}

function seconds(value: number): string {
  return `${(value / 1_000).toFixed(2)} s`;
}
