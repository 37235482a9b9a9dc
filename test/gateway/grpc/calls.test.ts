// Streams of values over a real connection: bounded in number, and in what they keep for a client that does not read.

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { Feeds, unary } from "../../../gateway/grpc/calls.ts";
import { GrpcListener } from "../../../gateway/grpc/listener.ts";
import { loadService } from "../../../gateway/grpc/proto.ts";
import { ShoalError, systemClock } from "../../../runtime/base/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { eventually } from "../../support/eventually.ts";
import { Keda, refusalOf } from "./support.ts";

/** A listener whose streams give what `value` returns. */
async function listening(value: () => object, maxOpen = 10) {
  const feeds = new Feeds({ log: silentLog, maxOpen });
  const streamed = feeds.method(() => value);
  const answered = unary(value, silentLog);
  const listener = await GrpcListener.start({
    host: "::1",
    port: 0,
    maxMessageBytes: 1_000,
    clock: systemClock,
    services: [
      {
        definition: loadService("externalscaler.proto", "externalscaler.ExternalScaler"),
        methods: {
          IsActive: answered,
          GetMetricSpec: answered,
          GetMetrics: answered,
          StreamIsActive: streamed,
          StreamMetricSpec: streamed,
        },
      },
    ],
  });
  return { feeds, listener, [Symbol.asyncDispose]: () => listener.close(0) };
}

test("one stream too many is refused at once, until another has ended (invariant 3)", async () => {
  await using rig = await listening(() => ({ result: true }), 1);
  using keda = new Keda(rig.listener.address);
  {
    await using first = keda.streamIsActive({});
    assert.deepEqual(await first.next(), { result: true });
    assert.deepEqual(await refusalOf(keda.streamIsActive({}).next()), {
      code: status.UNAVAILABLE,
      details: "Cannot open another stream: 1 are open, wanted fewer than 1",
    });
  }
  await eventually("the first is gone", () => rig.feeds.size === 0);
  await using next = keda.streamIsActive({});
  assert.deepEqual(await next.next(), { result: true });
});

test("a client that does not read gets the newest value when it does, not all of them (invariant 1)", async () => {
  let targetSize = 0;
  const metricName = "x".repeat(10_000);
  await using rig = await listening(() => ({
    metricSpecs: [{ metricName, targetSize, targetSizeFloat: 0 }],
  }));
  using keda = new Keda(rig.listener.address);
  await using specs = keda.streamSpec({});
  const next = async (): Promise<number> => (await specs.next()).metricSpecs[0]?.targetSize ?? -1;
  assert.equal(await next(), 0);
  const changes = 3_000;
  for (; targetSize < changes; targetSize++) {
    rig.feeds.look();
    await setImmediate();
  }
  rig.feeds.look();
  let read = 0;
  for (let last = 0; last < changes; read++) {
    const value = await next();
    assert(value > last, "in order");
    last = value;
  }
  assert(read < changes / 2, `${read} values were kept for it`);
});

test("what fails is told without its inside; what is refused, as it is (invariant 2)", async () => {
  let thrown: Error = new Error("at /home/of/somebody");
  await using rig = await listening(() => {
    throw thrown;
  });
  using keda = new Keda(rig.listener.address);
  const internal = { code: status.INTERNAL, details: "Internal error" };
  assert.deepEqual(await refusalOf(keda.isActive({})), internal);
  assert.deepEqual(await refusalOf(keda.streamIsActive({}).next()), internal);
  thrown = new ShoalError("QUEUE_FULL", "Cannot wait: 3 do already");
  const refused = { code: status.RESOURCE_EXHAUSTED, details: "Cannot wait: 3 do already" };
  assert.deepEqual(await refusalOf(keda.isActive({})), refused);
  assert.equal(rig.feeds.size, 0);
});

test("a service that is not in its file is a mistake of ours, told at the start", () => {
  assert.throws(
    () => loadService("externalscaler.proto", "externalscaler.Nobody"),
    /Cannot find the service/,
  );
  assert.throws(
    () => loadService("externalscaler.proto", "externalscaler.MetricSpec"),
    /Cannot find the service/,
  );
});
