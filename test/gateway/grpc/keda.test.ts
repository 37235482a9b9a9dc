// KEDA's external scaler, asked by a real client over a real socket.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { ChannelCredentials, status } from "@grpc/grpc-js";
import { decodeConfig } from "../../../controller/index.ts";
import { Server } from "../../../gateway/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { eventually } from "../../support/eventually.ts";
import { Keda, refusalOf, Rig } from "./support.ts";

const FIXTURES = new URL("./fixtures/", import.meta.url);
const GATE = { deployment: "gate" };

describe("what KEDA is told", { timeout: 120_000 }, () => {
  test("active while a request is held, waits, runs, and for the window after; the metrics meanwhile", async () => {
    await using rig = await Rig.start();
    using keda = new Keda(rig.address);
    const brief = { ...GATE, window_s: "0.5" };
    await using active = keda.streamIsActive(brief);
    assert.deepEqual(await active.next(), { result: false });
    assert.equal(await keda.isActive(brief), false);
    assert.deepEqual(await keda.value("gate-ongoing_requests", brief), {
      metricName: "gate-ongoing_requests",
      metricValue: 0,
      metricValueFloat: 0,
    });
    const { url } = rig.server.http;
    const held = [fetch(url), fetch(url), fetch(url)];
    assert.deepEqual(await active.next(), { result: true }); // no replica has ever run yet
    assert.equal(await keda.isActive(brief), true);
    await eventually("three requests are open", async () => {
      return (await keda.value("gate-ongoing_requests", brief)).metricValueFloat === 3;
    });
    const wanted = async (): Promise<unknown> =>
      (await keda.value("gate-desired_replicas", { ...GATE, metric: "desired_replicas" })).metricValue;
    await eventually("a replica is wanted", async () => (await wanted()) !== 0);
    assert.equal(await wanted(), rig.server.controller.deployment("gate")?.desired.numReplicas);
    await (await fetch(`${url}/open`)).text();
    for (const answer of await Promise.all(held)) assert.equal(await answer.text(), "through");
    assert.deepEqual(await active.next(), { result: false });
    assert.equal(await keda.isActive(brief), false);
    assert.equal(
      await keda.isActive({ ...GATE, window_s: "900" }),
      true,
      "a short request is not overlooked",
    );
    const busy = await keda.value("gate-ongoing_requests", { ...GATE, window_s: "900" });
    // The one that opens the gate is the fourth, and is open as long as a replica takes to start.
    assert(busy.metricValueFloat > 0 && busy.metricValueFloat < 4, "the mean goes down slowly");
    assert.equal(busy.metricValue, Math.ceil(busy.metricValueFloat));
    const queued = await keda.value("gate-queued_requests", { ...GATE, metric: "queued_requests" });
    assert.equal(queued.metricValueFloat, 0);
  });

  test("targets: the deployment's own, Ray's, one, or that of the trigger", async () => {
    await using rig = await Rig.start();
    using keda = new Keda(rig.address);
    const cases: [object, string, number, number][] = [
      [GATE, "gate-ongoing_requests", 3, 3],
      [{ ...GATE, metric: "queued_requests" }, "gate-queued_requests", 3, 3],
      [{ ...GATE, application: "shop", target: "7.5" }, "gate-ongoing_requests", 8, 7.5],
      [{ ...GATE, target: "0.2" }, "gate-ongoing_requests", 1, 0.2],
      [{ deployment: "fixed" }, "fixed-ongoing_requests", 2, 2],
      [{ deployment: "fixed", metric: "desired_replicas" }, "fixed-desired_replicas", 1, 1],
    ];
    for (const [metadata, metricName, targetSize, targetSizeFloat] of cases) {
      assert.deepEqual(await keda.spec(metadata), { metricName, targetSize, targetSizeFloat });
    }
    const replicas = await keda.value("fixed-desired_replicas", {
      deployment: "fixed",
      metric: "desired_replicas",
    });
    assert.equal(replicas.metricValue, 2);
    assert.equal(await keda.isActive({ deployment: "fixed" }), false);
    assert.equal(await keda.isActive({ deployment: "fixed", metric: "desired_replicas" }), true);
  });

  test("a stream of targets follows the config, and ends with the deployment; one of another application is none", async () => {
    await using rig = await Rig.start();
    using keda = new Keda(rig.address);
    await using specs = keda.streamSpec(GATE);
    const next = async (): Promise<unknown> => (await specs.next()).metricSpecs[0]?.targetSizeFloat;
    assert.equal(await next(), 3);
    await rig.deploy(Rig.config({ target_ongoing_requests: 5 }));
    assert.equal(await next(), 5);
    assert.equal((await keda.spec(GATE)).targetSizeFloat, 5);
    await rig.server.deploys.remove({ author: "test", source: "test" });
    const gone = await refusalOf(specs.next());
    assert.deepEqual(gone, { code: status.NOT_FOUND, details: 'Cannot find a deployment "gate"' });
  });

  test("the server's end ends the streams, to be tried elsewhere", async () => {
    await using rig = await Rig.start();
    using keda = new Keda(rig.address);
    await using active = keda.streamIsActive(GATE);
    await active.next();
    await rig.server.drain();
    const ended = await refusalOf(active.next());
    assert.deepEqual(ended, { code: status.UNAVAILABLE, details: "The server is shutting down" });
  });
});

test("what cannot be meant is refused with what was found and what is wanted", {
  timeout: 120_000,
}, async () => {
  await using rig = await Rig.start();
  using keda = new Keda(rig.address);
  const by = "Cannot scale by this scalerMetadata: found";
  const number = "wanted a number above 0, at most";
  const cases: [object, number, string][] = [
    [{}, status.INVALID_ARGUMENT, `${by} no deployment, wanted the name of one`],
    [{ deployment: "" }, status.INVALID_ARGUMENT, `${by} no deployment, wanted the name of one`],
    [{ deploymnet: "gate" }, status.INVALID_ARGUMENT, `${by} "deploymnet", wanted deployment`],
    [{ ...GATE, windowS: "9" }, status.INVALID_ARGUMENT, `${by} "windowS", wanted window_s`],
    [
      { ...GATE, metric: "qps" },
      status.INVALID_ARGUMENT,
      `${by} metric "qps", wanted ongoing_requests, queued_requests, desired_replicas`,
    ],
    ...["0", "-1", "NaN", "1e3", "", "9999999"].map((target): [object, number, string] => [
      { ...GATE, target },
      status.INVALID_ARGUMENT,
      `${by} target "${target}", ${number} 1000000`,
    ]),
    [{ ...GATE, window_s: "901" }, status.INVALID_ARGUMENT, `${by} window_s "901", ${number} 900`],
    [{ deployment: "nobody" }, status.NOT_FOUND, 'Cannot find a deployment "nobody"'],
    [
      { ...GATE, application: "other" },
      status.NOT_FOUND,
      'Cannot find a deployment "gate" in the application "other"',
    ],
  ];
  for (const [metadata, code, details] of cases) {
    const told = await Promise.all([
      refusalOf(keda.isActive(metadata)),
      refusalOf(keda.spec(metadata)),
      refusalOf(keda.value("gate-ongoing_requests", metadata)),
      refusalOf(keda.streamIsActive(metadata).next()),
      refusalOf(keda.streamSpec(metadata).next()),
    ]);
    assert.deepEqual(
      told,
      Array.from(told, () => ({ code, details })),
    );
  }
  const other = await refusalOf(keda.value("gate-queued_requests", GATE));
  assert.equal(other.code, status.INVALID_ARGUMENT);
  assert.equal(other.details, `${by} the metric "gate-queued_requests", wanted "gate-ongoing_requests"`);
  const huge = await refusalOf(keda.isActive({ ...GATE, note: "x".repeat(70_000) }));
  assert.equal(huge.code, status.RESOURCE_EXHAUSTED);
  assert.equal(
    await keda.isActive({ ...GATE, enableTLS: "false", tlsServerName: "x" }),
    false,
    "KEDA's own keys",
  );
});

describe("the listener", { timeout: 120_000 }, () => {
  const file = (name: string): string => new URL(name, FIXTURES).pathname;
  const tls = { cert_file: file("server.pem"), key_file: file("server.key"), client_ca_file: file("ca.pem") };

  test("with the authority of clients lets in who has a certificate of it, and nobody else", async () => {
    await using rig = await Rig.start({ tls });
    const [ca, key, pem] = await Promise.all(
      ["ca.pem", "client.key", "client.pem"].map((name) => readFile(new URL(name, FIXTURES))),
    );
    assert(ca !== undefined && key !== undefined && pem !== undefined);
    using known = new Keda(rig.address, ChannelCredentials.createSsl(ca, key, pem));
    assert.equal(await known.isActive(GATE), false);
    for (const credentials of [ChannelCredentials.createSsl(ca), ChannelCredentials.createInsecure()]) {
      using stranger = new Keda(rig.address, credentials);
      assert.equal((await refusalOf(stranger.isActive(GATE))).code, status.UNAVAILABLE);
    }
  });

  test("that cannot have its port, or read its files, is told with its key; nothing runs then", async () => {
    await using rig = await Rig.start();
    const port = Number(rig.address.split(":")[1]);
    const start = async (keda: object): Promise<unknown> => {
      const text = Rig.config({}, { keda_options: keda });
      const decoded = decodeConfig(text, { file: `${rig.folder}/shoal.json` });
      assert(decoded.kind === "ok");
      return await Server.start({ config: decoded.value, log: silentLog });
    };
    await assert.rejects(start({ port }), {
      code: "INVALID_CONFIG",
      message: `Cannot listen on 127.0.0.1:${port} (keda_options): the port is in use by another process`,
    });
    await assert.rejects(start({ port: 0, tls: { ...tls, key_file: "none.key" } }), {
      code: "INVALID_CONFIG",
      message: /\(keda_options\): ENOENT/,
    });
  });

  test("is not there unless the config asks for it", async () => {
    const decoded = decodeConfig(Rig.config({}), { file: "/nowhere/shoal.json" });
    assert(decoded.kind === "ok");
    await using server = await Server.start({ config: decoded.value, given: null, log: silentLog });
    assert.equal(server.keda, undefined);
  });
});
