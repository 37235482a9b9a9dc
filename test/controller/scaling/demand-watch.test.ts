// What deployments are asked, for those outside: looked at ten times a second, from the start to the stop.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DemandWatch } from "../../../controller/scaling/index.ts";
import type { GatewayLoad, GatewayPort } from "../../../controller/routing/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";

function load(arrived: number, open = 0): GatewayLoad {
  return {
    queued: 0,
    queuedRows: 0,
    open,
    arrivedRequests: arrived,
    arrivedRows: arrived,
    endedRequests: arrived - open,
    missedRequests: 0,
    service: undefined,
  };
}

test("it sees what came between two looks, and forgets a deployment with its key", () => {
  const clock = new FakeClock();
  const port = {} as GatewayPort;
  let all = [{ key: "net@1", name: "net", loads: new Map([[port, load(0)]]) }];
  let looks = 0;
  const watch = new DemandWatch({ clock, all: () => all, onLook: () => void looks++ });
  assert.deepEqual([watch.of("net"), clock.pending], [undefined, 0]);
  watch.start();
  assert.equal(watch.of("net")?.requestsPerSecond(1_000), 0);
  all = [{ key: "net@1", name: "net", loads: new Map([[port, load(5, 2)]]) }];
  clock.advance(1_000);
  assert.equal(looks, 11);
  assert(Math.abs((watch.of("net")?.requestsPerSecond(1_000) ?? 0) - 5) < 1);
  assert(Math.abs((watch.of("net")?.meanOngoing(1_000) ?? 0) - 2) < 0.3);
  all = [{ key: "net@2", name: "net", loads: new Map([[port, load(0)]]) }];
  clock.advance(100);
  assert.equal(watch.of("net")?.requestsPerSecond(60_000), 0);
  all = [];
  clock.advance(100);
  assert.equal(watch.of("net"), undefined);
  watch.stop();
  assert.equal(clock.pending, 0);
});
