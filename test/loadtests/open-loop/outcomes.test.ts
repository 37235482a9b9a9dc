// Real sockets against a far side that behaves and misbehaves: each request has the outcome that it got.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type OpenLoopOptions,
  type OpenLoopReport,
  runOpenLoop,
  type SettledRequest,
} from "../../../loadtests/open-loop/index.ts";
import { answer, FarSide, nobody, type Received } from "./far-side.ts";

/** So many at once; the test's own timeout ends what hangs. */
function burst(count: number): OpenLoopOptions["arrivals"] {
  return { kind: "times", timesMs: new Float64Array(count) };
}

/** Runs, and gives the last that was told of each request, in the order of sending. */
async function runAll(
  options: OpenLoopOptions,
  signal?: AbortSignal,
): Promise<{ report: OpenLoopReport; settled: SettledRequest[] }> {
  const settled = new Map<string, SettledRequest>();
  const onSettled = (request: SettledRequest): void => void settled.set(request.id, request);
  const report = await runOpenLoop({ idPrefix: "t", onSettled, ...options }, signal);
  const { sent, ok, failed, refused, timedOut, lost, twice } = report;
  assert.equal(ok + failed + refused + timedOut + lost + twice, sent);
  assert.equal(settled.size, sent);
  return {
    report,
    settled: Array.from({ length: sent }, (_, index) => settled.get(`t-${index}`)).filter(
      (it) => it !== undefined,
    ),
  };
}

function reply({ socket }: Received, status = 200, body = "{}", headers = {}): void {
  socket.write(answer(status, body, headers));
}

test("every request arrives once, whole and with its id, never before its time, and is answered ok", async () => {
  await using far = await FarSide.listen((request) => reply(request));
  const body = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  const { report, settled } = await runAll({
    requests: [{ url: `${far.url}/a/b?c=d`, headers: { "X-Tenant": "blue" }, body }],
    arrivals: { kind: "rate", ratePerSecond: 5000 },
    maxRequests: 400,
  });
  assert.equal(report.ok, 400);
  assert.equal(report.latency.count, 400);
  assert.deepEqual(far.received.map(({ id }) => id).toSorted(), settled.map(({ id }) => id).toSorted());
  for (const request of far.received) {
    assert.equal(request.path, "/a/b?c=d");
    assert.equal(request.headers["x-tenant"], "blue");
    assert.deepEqual(request.body, body);
  }
  for (const { intendedMs, writtenMs = Number.NaN, settledMs } of settled) {
    assert.ok(intendedMs <= writtenMs && writtenMs <= settledMs);
  }
});

test("a large body arrives whole behind the id", async () => {
  await using far = await FarSide.listen((request) => reply(request));
  const body = Buffer.alloc(300_000, "0123456789");
  const { report } = await runAll({ requests: [{ url: far.url, method: "PUT", body }], arrivals: burst(3) });
  assert.equal(report.ok, 3);
  for (const request of far.received) assert.ok(request.body.equals(body));
  assert.deepEqual(far.received.map(({ id }) => id).toSorted(), ["t-0", "t-1", "t-2"]);
});

test("the loop is open: all are sent although none is answered before the last has come", async () => {
  const count = 200;
  await using far = await FarSide.listen((_request, { received }) => {
    if (received.length === count) for (const held of received) reply(held);
  });
  const { report } = await runAll({ requests: [{ url: far.url }], arrivals: burst(count) });
  assert.equal(report.ok, count);
  assert.equal(report.connections.peak, count);
  assert.equal(report.connections.delayed, 0);
});

test("each kind of end is told of the request that met it", async () => {
  const ends = {
    "/ok": ({ socket, id }: Received) => socket.write(answer(201, "{}", { "x-request-id": id })),
    "/flat": (request: Received) => reply(request, 429, '{"error": "full", "code": "QUEUE_FULL"}'),
    "/nested": (request: Received) =>
      reply(request, 503, '{"error": {"message": "m", "code": "overloaded"}}'),
    "/bare": (request: Received) => reply(request, 500, "<html>"),
    "/moved": (request: Received) => reply(request, 302, ""),
    "/closed": ({ socket }: Received) => socket.end(),
    "/midway": ({ socket }: Received) => socket.end(answer(200, "half of it").slice(0, -4)),
    "/garbled": ({ socket }: Received) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"),
    "/strange": (request: Received) => reply(request, 200, "", { "x-request-id": "someone-else" }),
    "/silent": () => undefined,
    "/twice": ({ socket, id }: Received) => socket.write(answer(200, "1", { "x-request-id": id }).repeat(2)),
    "/until-close": ({ socket }: Received) => socket.end("HTTP/1.0 200 OK\r\n\r\nas long as it is open"),
    "/closing": (request: Received) => reply(request, 200, "", { connection: "close" }),
    "/slow": ({ socket }: Received) => {
      // Byte by byte, a turn of the loop each.
      const bytes = answer(200, "slow").split("");
      const next = (): void =>
        void (bytes.length > 0 && socket.write(bytes.shift() ?? "", () => setImmediate(next)));
      next();
    },
  } as const;
  const isPath = (path: string): path is keyof typeof ends => path in ends;
  await using far = await FarSide.listen((request) => {
    assert.ok(isPath(request.path));
    ends[request.path](request);
  });
  const requests = Object.keys(ends).map((path) => ({
    name: path,
    url: far.url + path,
    ...(path === "/silent" ? { timeoutMs: 200 } : {}),
  }));
  const { report, settled } = await runAll({ requests, arrivals: burst(600), seed: 4 });
  const found = new Map<string, Set<string>>();
  for (const { className, outcome } of settled) {
    // What depends on how fast connections come about has tests of its own.
    const kept = outcome.kind === "timedOut" ? { ...outcome, written: true } : outcome;
    const shown = JSON.stringify(kept.kind === "lost" ? { ...kept, onReuse: false } : kept);
    found.set(className, (found.get(className) ?? new Set()).add(shown));
  }
  const lost = (cause: string) => ({ kind: "lost", cause, onReuse: false });
  const expected = {
    "/ok": { kind: "ok", status: 201 },
    "/flat": { kind: "error", status: 429, code: "QUEUE_FULL" },
    "/nested": { kind: "error", status: 503, code: "overloaded" },
    "/bare": { kind: "error", status: 500, code: "" },
    "/moved": { kind: "error", status: 302, code: "" },
    "/closed": lost("closed before an answer"),
    "/midway": lost("closed in mid-answer"),
    "/garbled": lost("not HTTP"),
    "/strange": lost("an answer to another request"),
    "/silent": { kind: "timedOut", written: true },
    "/twice": { kind: "twice" },
    "/until-close": { kind: "ok", status: 200 },
    "/closing": { kind: "ok", status: 200 },
    "/slow": { kind: "ok", status: 200 },
  };
  for (const [path, outcome] of Object.entries(expected)) {
    assert.deepEqual([path, ...(found.get(path) ?? [])], [path, JSON.stringify(outcome)]);
  }
  // The totals are the sums of what was told.
  const told = (kind: string): number => settled.filter(({ outcome }) => outcome.kind === kind).length;
  assert.deepEqual(
    [report.ok, report.failed, report.refused, report.timedOut, report.lost, report.twice],
    ["ok", "error", "refused", "timedOut", "lost", "twice"].map(told),
  );
  assert.equal(
    Object.values(report.classes).reduce((sum, { sent }) => sum + sent, 0),
    600,
  );
  for (const { status, code, count } of report.errors) {
    const same = settled.filter(
      ({ outcome: it }) => it.kind === "error" && it.status === status && it.code === code,
    );
    assert.equal(count, same.length);
  }
});

test("a second answer is found without a name on it, in whole and in part", async () => {
  for (const extra of [answer(200, "1"), answer(200, "1").slice(0, -1), "HTTP/1.1 2"]) {
    await using far = await FarSide.listen(({ socket }) => socket.end(answer(200, "1") + extra));
    const { report } = await runAll({ requests: [{ url: far.url }], arrivals: burst(5), sloMs: 60_000 });
    assert.equal(report.twice, 5, extra);
    assert.deepEqual([report.ok, report.withinSlo], [0, 0]);
    assert.equal(
      report.timeline.reduce((sum, { twice }) => sum + twice, 0),
      5,
    );
  }
});

test("a second answer that comes when the next request is under way is the first one's, when it says so", async () => {
  let first = "";
  await using far = await FarSide.listen(({ socket, nth, id }) => {
    if (nth === 0) first = id;
    else socket.write(answer(200, "again", { "x-request-id": first }));
    socket.write(answer(200, "", { "x-request-id": id }));
  });
  const { settled } = await runAll({ requests: [{ url: far.url }], arrivals: burst(2), maxConnections: 1 });
  assert.deepEqual(
    settled.map(({ outcome }) => outcome.kind),
    ["twice", "ok"],
  );
});

test("a 408 on an idle connection answers nobody", async () => {
  await using far = await FarSide.listen(({ socket }) =>
    socket.end(answer(200, "1") + answer(408, "", { connection: "close" })),
  );
  const { report } = await runAll({ requests: [{ url: far.url }], arrivals: burst(5) });
  assert.equal(report.ok, 5);
});

test("a connection that breaks under its second request is a loss on reuse", async () => {
  await using far = await FarSide.listen((request) => {
    if (request.nth === 0) reply(request);
    else request.socket.resetAndDestroy();
  });
  const { report } = await runAll({ requests: [{ url: far.url }], arrivals: burst(10), maxConnections: 1 });
  assert.deepEqual([report.ok, report.lost, report.lostOnReuse], [5, 5, 5]);
  assert.deepEqual(report.lostBy, { ECONNRESET: 5 });
});

test("a connection that breaks under its first request is a loss, not on reuse", async () => {
  await using far = await FarSide.listen(({ socket }) => socket.resetAndDestroy());
  const { report } = await runAll({ requests: [{ url: far.url }], arrivals: burst(5) });
  assert.deepEqual([report.lost, report.lostOnReuse], [5, 0]);
});

test("where nobody listens every request is refused", async () => {
  const { report } = await runAll({ requests: [{ url: await nobody() }], arrivals: burst(20) });
  assert.deepEqual([report.sent, report.refused, report.refusedBy], [20, 20, { ECONNREFUSED: 20 }]);
});

test("the bound makes requests wait in order, on one connection, and the waiting is in their latency", async () => {
  await using far = await FarSide.listen((request) => reply(request));
  const { report, settled } = await runAll({
    requests: [{ url: far.url }],
    arrivals: burst(20),
    maxConnections: 1,
  });
  const { opened, peak, delayed } = report.connections;
  assert.deepEqual([report.ok, opened, peak, delayed], [20, 1, 1, 19]);
  assert.equal(report.timeline[0]?.delayed, 19);
  assert.ok(
    report.warnings.some((warning) => warning.startsWith("19 requests waited for one of 1 connections")),
  );
  let before = 0;
  for (const { writtenMs = Number.NaN, settledMs } of settled) {
    assert.ok(writtenMs >= before);
    before = settledMs;
  }
  const slowest = (from: (request: SettledRequest) => number): number =>
    Math.max(...settled.map((request) => request.settledMs - from(request)));
  assert.ok(Math.abs(report.latency.maxMs - slowest(({ intendedMs }) => intendedMs)) < 1e-6);
  assert.ok(Math.abs(report.serviceLatency.maxMs - slowest(({ writtenMs = 0 }) => writtenMs)) < 1e-6);
});

test("a request that times out before it got a connection was never sent", async () => {
  const settled: SettledRequest[] = [];
  const held: Received[] = [];
  const letGo = (): void => {
    if (settled.length === 1) for (const request of held.splice(0)) reply(request);
  };
  await using far = await FarSide.listen((request) => {
    held.push(request);
    letGo();
  });
  const report = await runOpenLoop({
    requests: [
      { name: "patient", url: far.url },
      { name: "hasty", url: far.url, timeoutMs: 1 },
    ],
    // With this seed the first is the patient one; it keeps the only connection until the other has given up.
    seed: 3,
    arrivals: burst(2),
    maxConnections: 1,
    onSettled: (request) => {
      settled.push(request);
      letGo();
    },
  });
  assert.deepEqual(
    settled.map(({ className, outcome }) => [className, outcome.kind]),
    [
      ["hasty", "timedOut"],
      ["patient", "ok"],
    ],
  );
  assert.deepEqual([report.timedOut, report.timedOutUnwritten], [1, 1]);
  assert.equal(far.received.length, 1);
});

test("a connection that was free for too long is not used again", async () => {
  await using far = await FarSide.listen((request) => reply(request));
  const arrivals = { kind: "times", timesMs: [0, 50, 100] } as const;
  const { report } = await runAll({ requests: [{ url: far.url }], arrivals, maxIdleMs: 1e-6 });
  assert.deepEqual([report.ok, report.connections.opened], [3, 3]);
});

test("retries are off unless asked for; then the same id comes again until it is answered", async () => {
  const seen = new Map<string, number>();
  await using far = await FarSide.listen((request) => {
    const tries = (seen.get(request.id) ?? 0) + 1;
    seen.set(request.id, tries);
    if (request.path === "/never") reply(request, 503, "", { "x-should-retry": "false" });
    else if (tries === 1) reply(request, 503);
    else if (tries === 2) request.socket.destroy();
    else reply(request);
  });
  const requests = [{ url: far.url }];
  const without = await runAll({ requests, arrivals: burst(10), idPrefix: "t" });
  assert.deepEqual([without.report.failed, without.report.attempts], [10, 10]);
  seen.clear();
  const withRetries = { arrivals: burst(10), retries: 2, retryBackoffMs: 1 };
  const { report, settled } = await runAll({ requests, ...withRetries });
  assert.deepEqual([report.ok, report.sent, report.attempts], [10, 10, 30]);
  assert.ok(settled.every(({ attempts }) => attempts === 3));
  assert.ok([...seen.values()].every((tries) => tries === 3));
  const told = await runAll({ requests: [{ url: `${far.url}/never` }], ...withRetries });
  assert.deepEqual([told.report.failed, told.report.attempts], [10, 10]);
});

test("a retry that could not be in time is not waited for", async () => {
  await using far = await FarSide.listen((request) => reply(request, 429, "", { "retry-after": "3600" }));
  const { report } = await runAll({ requests: [{ url: far.url }], arrivals: burst(3), retries: 5 });
  assert.deepEqual([report.failed, report.timedOut, report.attempts], [3, 0, 3]);
});

test("a stop ends the sending; what is under way is waited for and counted", async () => {
  const stop = new AbortController();
  await using far = await FarSide.listen((request) => {
    stop.abort();
    reply(request);
  });
  const arrivals = { kind: "rate", ratePerSecond: 1000 } as const;
  const { report } = await runAll(
    { requests: [{ url: far.url }], arrivals, durationMs: 3_000_000 },
    stop.signal,
  );
  assert.equal(report.interrupted, true);
  assert.ok(report.sent >= 1 && report.ok === report.sent);
  const none = await runAll({ requests: [{ url: far.url }], arrivals: burst(5) }, AbortSignal.abort());
  assert.deepEqual([none.report.sent, none.report.interrupted], [0, true]);
});

test("what a listener throws ends the load with it, and leaves nothing running", async () => {
  // Two are held, one pauses before its retry, and the next to come is answered.
  await using far = await FarSide.listen((request, { received }) => {
    if (received.length === 3) reply(request, 503, "", { "retry-after": "20" });
    if (received.length > 3) reply(request);
  });
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = timers();
  const onSettled = (): never => {
    throw new Error("enough");
  };
  const arrivals = { kind: "rate", ratePerSecond: 1000 } as const;
  const options = { requests: [{ url: far.url }], arrivals, durationMs: 3_000_000, retries: 1, onSettled };
  await assert.rejects(runOpenLoop(options), /enough/);
  assert.ok(timers() <= before, `${timers()} timers, ${before} before`);
});

test("the mix follows the weights, and the same seed sends the same at the same times", async () => {
  await using far = await FarSide.listen((request) => reply(request));
  const requests = [
    { name: "a", url: `${far.url}/a`, weight: 3 },
    { name: "b", url: `${far.url}/b` },
    { name: "none", url: `${far.url}/none`, weight: 0 },
  ];
  const sendWith = async (seed: number) => {
    const arrivals = { kind: "rate", ratePerSecond: 10_000 } as const;
    const { report, settled } = await runAll({ requests, arrivals, maxRequests: 1000, seed });
    return { report, plan: settled.map(({ className, intendedMs }) => [className, intendedMs]) };
  };
  const [one, again, other] = [await sendWith(1), await sendWith(1), await sendWith(2)];
  assert.deepEqual(one.plan, again.plan);
  assert.notDeepEqual(one.plan, other.plan);
  const { a, b, none } = one.report.classes;
  // 750 expected, five deviations of 13.7 either way.
  assert.ok(a !== undefined && Math.abs(a.sent - 750) < 69);
  assert.equal(a.sent + (b?.sent ?? 0), 1000);
  assert.equal(none?.sent, 0);
  assert.ok(far.received.every(({ path }) => path !== "/none"));
});
