// A module keeps memory with every request.

import { setTimeout as sleep } from "node:timers/promises";
import { configOf, echo, isHealthy, runningPids } from "../config-file.ts";
import { privateBytes } from "../process-table.ts";
import { bothKinds } from "../requests.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

export const leakingReplica: Scenario = {
  name: "leaking-replica",
  title: "replicas leak memory up to their resources.memory, again and again",
  run,
};

const MIB = 1024 * 1024;
const BOUND_MIB = 256;
const LOOK_INTERVAL_MS = 20;

async function run(stage: Stage): Promise<void> {
  const server = await stage.serve(
    configOf(
      echo({
        num_replicas: 2,
        resources: { num_cpus: 0.1, memory: BOUND_MIB * MIB },
        user_config: { leak_mib: 1, delay_ms: 10 },
        health_check_period_s: 0.5,
        min_ready_s: 0.5,
      }),
    ),
  );
  const first = await server.untilStatus("it is healthy", (status) => isHealthy(status, "echo"));
  const seen = new Set(runningPids(first, "echo"));
  const load = stage.load(bothKinds(server.url));
  await load.answered(20);

  load.enter("during");
  const startedMs = load.nowMs;
  const wanted = 2 + (stage.quick ? 2 : 12);
  let peakBytes = 0;
  while (seen.size < wanted) {
    for (const pid of runningPids(await server.status(), "echo")) seen.add(pid);
    for (const pid of seen) peakBytes = Math.max(peakBytes, privateBytes(pid));
    if (load.nowMs - startedMs > 300_000) break;
    await sleep(LOOK_INTERVAL_MS, undefined, { signal: stage.signal });
  }
  load.enter("after");
  await load.answered(20);

  stage.promiseNoneFailed(await stage.end(load));
  stage.fact("replicas seen", seen.size);
  stage.fact("peak MiB", Math.round(peakBytes / MIB));
  stage.promise(
    "replicas that outgrow their memory are replaced",
    seen.size >= wanted,
    `${seen.size} seen of ${wanted}`,
  );
  const bound = `${Math.round(peakBytes / MIB)} MiB at the most, ${BOUND_MIB} MiB wanted`;
  stage.promise("none grows to twice its memory", peakBytes < 2 * BOUND_MIB * MIB, bound);
}
