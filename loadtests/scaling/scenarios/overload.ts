// Three times what the replicas get through: as much is answered in time as at their limit, the rest is refused at once.

import type { Scenario } from "../scenario.ts";
import { fullRate, sleeper } from "../sleepers.ts";
import { readStatistics, type Statistics } from "../statistics.ts";
import type { Stage } from "../stage.ts";
import { ms, OBJECTIVE_MS, percent, SLEEP } from "./shared.ts";

export const overload: Scenario = { name: "overload", title: "three times what can be done", run };

const REPLICAS = 2;
/** Until the service time is known. */
const LEARNING_MS = 1_000;

async function run(stage: Stage): Promise<void> {
  const [limitMs, overMs] = stage.quick ? [3_000, 4_000] : [20_000, 60_000];
  const full = REPLICAS * fullRate(SLEEP);
  const settings = { num_replicas: REPLICAS, autoscaling_config: { latency_slo_ms: OBJECTIVE_MS } };
  await stage.serve(sleeper("flooded", stage.folder, { sleep: SLEEP, ...settings }));
  const rate = (times: number) => ({ kind: "rate", ratePerSecond: times * full }) as const;
  const countsOf = (): Promise<Statistics> => readStatistics(stage.server.url, "flooded");
  const limit = stage.load("flooded", { arrivals: rate(1.2), durationMs: LEARNING_MS + limitMs });
  await limit.ended();
  const before = await countsOf();
  const over = stage.load("flooded", { arrivals: rate(3), durationMs: LEARNING_MS + overMs });
  await stage.wait(LEARNING_MS + overMs / 3);
  const early = await stage.memory();
  await over.ended();
  const late = await stage.memory();
  const after = await countsOf();
  const [refused, shed] = [after.refused - before.refused, after.shed - before.shed];
  const window = { fromMs: LEARNING_MS, objectiveMs: OBJECTIVE_MS };
  const [atLimit, atThree] = [limit.seen(window), over.seen(window)];
  const [goodput, held] = [(atLimit.inTime * 1_000) / limitMs, (atThree.inTime * 1_000) / overMs];
  const rates = `${goodput.toFixed(1)}/s → ${held.toFixed(1)}/s of ${full.toFixed(0)}/s`;
  stage.promise("as many are in time as at the limit", held >= 0.9 * goodput, rates, { timed: true });
  stage.promise("never less than a third of that", held >= goodput / 3, rates);
  stage.promise(
    "most of what is too much is refused",
    atThree.refused > 0.5 * atThree.sent,
    `${atThree.refused} of ${atThree.sent}`,
  );
  const answers = `half within ${ms(atThree.refusedP50Ms)}, an answer takes ${ms(atThree.p50Ms)}`;
  stage.promise(
    "a refusal takes half of an answer at most",
    atThree.refusedP50Ms < atThree.p50Ms / 2,
    answers,
  );
  const slowest = `half within ${ms(atThree.refusedP50Ms)}, 99 % within ${ms(atThree.refusedP99Ms)}`;
  stage.promise("a refusal takes less than 5 ms", atThree.refusedP50Ms < 5, slowest, { timed: true });
  stage.promise(
    "hardly any is let in and given up later",
    shed < 0.05 * (refused + shed),
    `${shed} of ${refused + shed} turned away`,
    { timed: true },
  );
  const growth = late / early - 1;
  stage.promise(
    "memory stays flat",
    growth < 0.05,
    `${percent(growth)} of ${(early / 2 ** 20).toFixed(0)} MiB`,
    { timed: stage.quick },
  );
}
