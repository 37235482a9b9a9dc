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
  const net = (key: string, of: GatewayLoad) => ({ key, name: "net", loads: new Map([[port, of]]) });
  let all = [net("net@1", load(0))];
  let looks = 0;
  const watch = new DemandWatch({ clock, all: () => all, onLook: () => void looks++ });
  const now = () => all.map((one) => watch.of(one))[0];
  assert.deepEqual([now(), clock.pending], [undefined, 0]);
  watch.start();
  assert.equal(now()?.requestsPerSecond(1_000), 0);
  all = [net("net@1", load(1))];
  assert.notEqual(now()?.requestsPerSecond(1_000), 0, "also what has come since the last look");
  all = [net("net@1", load(6, 2))];
  clock.advance(1_000);
  assert.equal(looks, 11);
  assert(Math.abs((now()?.requestsPerSecond(1_000) ?? 0) - 6) < 1.5);
  assert(Math.abs((now()?.meanOngoing(1_000) ?? 0) - 2) < 0.3);
  all = [net("net@2", load(0))];
  assert.equal(now(), undefined);
  clock.advance(100);
  assert.equal(now()?.requestsPerSecond(60_000), 0);
  const [old] = all;
  all = [];
  clock.advance(100);
  assert.equal(old && watch.of(old), undefined);
  watch.stop();
  assert.equal(clock.pending, 0);
});
