// The model becomes 30 % slower in mid-run: it is noticed, and what is needed more is asked for.

import type { Scenario } from "../scenario.ts";
import { share } from "../requests-seen.ts";
import { fullRate, setPace, sleeper } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { OBJECTIVE_MS, percent, SLEEP } from "./shared.ts";

export const slowerModel: Scenario = { name: "slower-model", title: "the model becomes 30 % slower", run };

const RATE = 22;
const SLOWER = 1.3;

async function run(stage: Stage): Promise<void> {
  const forMs = stage.quick ? 3_000 : 30_000;
  const scaling = { min_replicas: 2, max_replicas: 8, latency_slo_ms: OBJECTIVE_MS };
  await stage.serve(sleeper("ageing", stage.folder, { sleep: SLEEP, autoscaling_config: scaling }));
  const load = stage.load("ageing", { arrivals: { kind: "rate", ratePerSecond: RATE } });
  await stage.wait(forMs);
  const atFirst = perReplica((await stage.scaling("ageing")).now);
  const slowerMs = load.nowMs;
  await setPace(stage.folder, { all: SLOWER });
  await stage.wait(forMs);
  await stage.untilReplicas("ageing", "all run", (running, target) => running >= target);
  const metMs = load.nowMs;
  await stage.wait(forMs / 2);
  const inTheEnd = perReplica((await stage.scaling("ageing")).now);
  await load.end();
  await stage.decisions("ageing");
  // A busy machine makes it less, never more.
  const possible = fullRate(SLEEP) / SLOWER;
  const window = { objectiveMs: OBJECTIVE_MS };
  const [before, after] = [
    load.seen({ ...window, untilMs: slowerMs }),
    load.seen({ ...window, fromMs: metMs }),
  ];
  const [was, is] = [share(before.inTime, before.sent), share(after.inTime, after.sent)];
  stage.promise(
    "what a replica gets through is learnt anew",
    inTheEnd <= 1.05 * possible,
    `${atFirst} → ${inTheEnd} req/s per replica, ${possible.toFixed(1)} can be`,
  );
  stage.promise("as many are in time as before", is >= was - 0.1, `${percent(was)} → ${percent(is)}`, {
    timed: true,
  });
}

/** `412 req/s measured, 96 per replica at 40 ms, …`: 96. */
function perReplica(explanation: string): number {
  return Number(/([\d.]+) per replica/.exec(explanation)?.[1] ?? Number.NaN);
}
