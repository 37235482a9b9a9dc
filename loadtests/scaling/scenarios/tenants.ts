// One tenant floods a deployment that three others use with moderation: they hardly notice.

import type { Scenario } from "../scenario.ts";
import { share } from "../requests-seen.ts";
import { sleeper } from "../sleepers.ts";
import type { Stage } from "../stage.ts";
import { ms, percent } from "./shared.ts";

export const tenants: Scenario = { name: "tenants", title: "one tenant floods, three do not", run };

const HEADER = "x-tenant";
const POLITE = ["ann", "bob", "cyd"];
const POLITE_RATE = 22;
/** Half as much again as all replicas get through, which is 80. */
const FLOOD_RATE = 120;
/** Many at once, so that a place is free every 13 ms, long as each may take. */
const AT_ONCE = 16;
const SLEEP = { fixedMs: 400, perRowMs: 0, maxBatch: 1, jitter: 0.25 };

async function run(stage: Stage): Promise<void> {
  const forMs = stage.quick ? 4_000 : 30_000;
  await stage.serve(
    sleeper("shared", stage.folder, {
      sleep: SLEEP,
      num_replicas: 2,
      max_ongoing_requests: AT_ONCE,
      max_queued_requests: 200,
      batching: { max_batch_size: 1, max_concurrent_batches: AT_ONCE },
      tenants: { header: HEADER, max_queued_requests: 50 },
    }),
  );
  const by = (tenant: string) => ({
    ...stage.request("shared"),
    name: tenant,
    headers: { ...JSON_BODY, [HEADER]: tenant },
  });
  const polite = {
    requests: POLITE.map(by),
    arrivals: { kind: "rate", ratePerSecond: POLITE_RATE },
    durationMs: forMs,
  } as const;
  const alone = stage.load("shared", polite);
  await alone.ended();
  const flood = stage.load("shared", {
    requests: [by("dan")],
    arrivals: { kind: "rate", ratePerSecond: FLOOD_RATE },
    seed: 2,
  });
  await stage.wait(1_000);
  const beside = stage.load("shared", polite);
  await beside.ended();
  await flood.end();
  const [before, after, flooder] = [alone.seen(), beside.seen(), flood.seen()];
  const [was, is] = [share(before.ok, before.sent), share(after.ok, after.sent)];
  stage.promise("all requests of the others are answered", is >= was, `${percent(was)} → ${percent(is)}`);
  stage.promise(
    "who floods is refused what is too much",
    flooder.refused > 0.1 * flooder.sent,
    `${flooder.refused} of ${flooder.sent}`,
  );
  stage.promise(
    "who floods waits for itself",
    flooder.p50Ms > after.p50Ms,
    `${ms(flooder.p50Ms)}, the others ${ms(after.p50Ms)}`,
  );
  const moved = `${ms(before.p99Ms)} → ${ms(after.p99Ms)}, the median ${ms(before.p50Ms)} → ${ms(after.p50Ms)}`;
  stage.promise("the others' p99 moves by less than 20 %", after.p99Ms < 1.2 * before.p99Ms, moved, {
    timed: true,
  });
  stage.promise("the others' median moves by less than half", after.p50Ms < 1.5 * before.p50Ms, moved, {
    timed: true,
  });
}

const JSON_BODY = { "content-type": "application/json" };
