// One replica becomes three times slower than its siblings: it gets less to do, and the rest goes on.

import type { Scenario } from "../scenario.ts";
import { rowsRun, setPace, sleeper } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { ms, SLEEP } from "./shared.ts";

export const slowReplica: Scenario = {
  name: "slow-replica",
  title: "one of four becomes three times slower",
  run,
};

const SLOW = "uneven#0";
/** Four get through 64 a second, three and a third of them 53. */
const RATE = 36;

async function run(stage: Stage): Promise<void> {
  const forMs = stage.quick ? 3_000 : 20_000;
  await stage.serve(sleeper("uneven", stage.folder, { sleep: SLEEP, num_replicas: 4 }));
  const arrivals = { kind: "rate", ratePerSecond: RATE } as const;
  const even = stage.load("uneven", { arrivals, durationMs: forMs });
  await even.ended();
  await setPace(stage.folder, { [SLOW]: 3 });
  const before = await rowsRun(stage.folder);
  const uneven = stage.load("uneven", { arrivals, durationMs: forMs });
  await uneven.ended();
  const after = await rowsRun(stage.folder);
  const ran = (id: string): number => (after.get(id) ?? 0) - (before.get(id) ?? 0);
  const siblings = [1, 2, 3].map((number) => ran(`uneven#${number}`));
  const mean = siblings.reduce((sum, rows) => sum + rows, 0) / siblings.length;
  const rows = `${ran(SLOW)} rows, its siblings ${siblings.join(", ")}`;
  stage.promise(
    "the slow one gets less than two thirds of a sibling's share",
    ran(SLOW) > 0 && ran(SLOW) < mean / 1.5,
    rows,
  );
  const [was, is] = [even.seen(), uneven.seen()];
  stage.promise(
    "every request is answered",
    is.ok === is.sent && was.ok === was.sent,
    `${is.ok} of ${is.sent}`,
  );
  stage.promise(
    "the median does not double",
    is.p50Ms < 2 * was.p50Ms,
    `${ms(was.p50Ms)} → ${ms(is.p50Ms)}, p99 ${ms(was.p99Ms)} → ${ms(is.p99Ms)}`,
    { timed: true },
  );
}
