// Traffic by a whole server with real replicas, under load.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { decodeConfig } from "../../../controller/index.ts";
import type { ServeStatusView } from "../../../gateway/admin/status.ts";
import { Server } from "../../../gateway/index.ts";
import { formatFaults } from "../../../runtime/base/config/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { eventually } from "../../support/eventually.ts";

const MODULE = new URL("./fixtures/versions.ts", import.meta.url).pathname;
const TOKEN = "token-of-a-test";
const BODY = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 1], data: [2] }] });
/** A step as soon as twenty requests say that it may be. */
const SWIFT = { steps: [20, 50], interval_s: 0.1, min_requests: 20 };

/** A deployment of the version `number`. */
function version(number: number, character: object = {}): object {
  return {
    name: `v${number}`,
    version: number,
    module: `${MODULE}:Version`,
    user_config: character,
    resources: { num_cpus: 0.1 },
    min_ready_s: 0,
    max_ongoing_requests: 20,
    max_constructor_retry_count: 1,
  };
}

function application(deployments: readonly object[], versions?: readonly object[]): object {
  return { deployments, ...(versions === undefined ? {} : { traffic: { model: "net", versions } }) };
}

interface Answer {
  /** How many answers there were when it was asked for. */
  readonly since: number;
  readonly status: number;
  readonly deployment: string | null;
}

/** Some clients, each asking again as soon as it is answered. */
class Load implements AsyncDisposable {
  readonly answers: Answer[] = [];
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(url: string, clients = 4) {
    this.#loops = Array.from({ length: clients }, () => this.#loop(url));
  }

  /** How many answers a deployment gave to what was asked when there were more than so many. */
  count(deployment: string, since = -1): number {
    return this.answers.filter((answer) => answer.deployment === deployment && answer.since > since).length;
  }

  get failures(): readonly Answer[] {
    return this.answers.filter(({ status }) => status !== 200);
  }

  /** Resolves when so many more have been answered. */
  async more(count: number): Promise<void> {
    const wanted = this.answers.length + count;
    await eventually(`${wanted} answers`, () => this.answers.length >= wanted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(url: string): Promise<void> {
    while (!this.#stopped) {
      const since = this.answers.length;
      const response = await fetch(url, { method: "POST", body: BODY });
      await response.arrayBuffer();
      const deployment = response.headers.get("x-shoal-deployment");
      this.answers.push({ since, status: response.status, deployment });
    }
  }
}

describe("a server with traffic", { timeout: 120_000 }, () => {
  let server: Server;

  before(async () => {
    const decoded = decodeConfig(
      JSON.stringify({
        applications: [application([version(1)])],
        http_options: { port: 0 },
        admin_options: { port: 0 },
      }),
      { file: "/srv/shoal.json" },
    );
    assert(decoded.kind === "ok", decoded.kind === "faults" ? formatFaults(decoded.faults) : "");
    server = await Server.start({
      config: decoded.value,
      log: silentLog,
      logLevel: "silent",
      adminToken: TOKEN,
    });
    await server.deployed;
  });

  after(() => server.drain());

  const admin = async (method: string, body?: unknown): Promise<Response> =>
    fetch(`${server.admin.url}/api/serve/applications/`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  async function deploy(...applications: readonly object[]): Promise<void> {
    const response = await admin("PUT", { applications });
    assert(response.ok, await response.text());
  }

  async function trafficNow() {
    const status = (await (await admin("GET")).json()) as ServeStatusView;
    const traffic = status.applications["default"]?.traffic;
    assert(traffic !== undefined, JSON.stringify(status));
    return traffic;
  }

  async function canaryBecomes(wanted: string) {
    await eventually(
      `a canary that is ${wanted}`,
      async () => (await trafficNow()).canary?.status === wanted,
    );
    return trafficNow();
  }

  const net = (): string => `${server.http.url}/v2/models/net/infer`;

  test("shifts weights from one version to the next, and loses no request: while it loads, while they share, while one goes", async () => {
    const weights = (one: number, two: number): object[] => [
      { deployment: "v1", weight: one },
      { deployment: "v2", weight: two },
    ];
    await deploy(application([version(1)], [{ deployment: "v1", weight: 100 }]));
    await using load = new Load(net());
    await load.more(50);
    // v2 has half of it before it has a single replica.
    await deploy(application([version(1), version(2)], weights(50, 50)));
    await eventually("answers of v2", () => load.count("v2") > 20);
    await deploy({ ...application([version(1), version(2)], weights(0, 100)), ingress: "v2" });
    const since = load.answers.length;
    await load.more(100);
    assert.equal(load.count("v1", since), 0);
    assert.equal(server.controller.deployment("v1")?.ready, true);
    await deploy(application([version(2)], [{ deployment: "v2", weight: 100 }]));
    await eventually("v1 gone", () => server.controller.deployments().length === 1);
    await load.more(100);
    assert.deepEqual(load.failures, []);
  });

  test("promotes a canary that is well, step by step, without a failed request", async () => {
    // Its process is colder than the stable version's: that it is slower for a moment is no news here.
    const versions = [
      { deployment: "v2", weight: 100 },
      { deployment: "v3", canary: { ...SWIFT, max_latency_ratio: 1000 } },
    ];
    await using load = new Load(net());
    await deploy(application([version(2), version(3)], versions));
    const { canary, history, versions: told } = await canaryBecomes("PROMOTED");
    assert.equal(canary?.percent, 100);
    assert.deepEqual(
      told.map(({ deployment, share }) => [deployment, share]),
      [
        ["v2", 0],
        ["v3", 100],
      ],
    );
    const changes = history.filter(({ deployment }) => deployment === "v3").map(({ change }) => change);
    for (const step of [/→ 20 %$/, "20 % → 50 %", "50 % → PROMOTED"]) {
      assert(
        changes.some((change) => (typeof step === "string" ? change === step : step.test(change))),
        changes.join(),
      );
    }
    const since = load.answers.length;
    await load.more(60);
    assert.equal(load.count("v2", since), 0);
    assert.deepEqual(load.failures, []);
  });

  for (const [what, character, reason] of [
    ["fails", { fails: true }, /^fails 100 % \(\d+ of \d+\), the stable version 0 %, allowed 1 %$/],
    ["is slow", { ms: 150 }, /^(median|p95) \S+ ms, the stable version \S+ ms, allowed 1.5 times$/],
  ] as const) {
    test(`rolls back a canary that ${what}, says why, and the stable version has everything again`, async () => {
      const versions = [
        { deployment: "v2", weight: 100 },
        { deployment: "v4", canary: SWIFT },
      ];
      await deploy(application([version(2)], [{ deployment: "v2", weight: 100 }]));
      await using load = new Load(net());
      await deploy(application([version(2), version(4, character)], versions));
      const { canary, versions: told } = await canaryBecomes("ROLLED_BACK");
      assert.match(canary?.message ?? "", reason);
      assert.deepEqual(
        told.map(({ share }) => share),
        [100, 0],
      );
      const since = load.answers.length;
      await load.more(60);
      assert.equal(load.count("v4", since), 0);
      assert(load.failures.every(({ deployment }) => deployment === "v4"));
      assert.equal(load.failures.length > 0, what === "fails");
    });
  }

  test("has the stable version answer for one that cannot be deployed, and says so", async () => {
    const versions = [
      { deployment: "v2", weight: 50 },
      { deployment: "v5", weight: 50 },
    ];
    await using load = new Load(net());
    await deploy(application([version(2), version(5, { broken: true })], versions));
    await eventually(
      "v5 given up",
      () => server.controller.deployment("v5")?.status.state === "DEPLOY_FAILED",
    );
    await load.more(100);
    assert.deepEqual([load.failures, load.count("v5")], [[], 0]);
    const { versions: told, history } = await trafficNow();
    assert.deepEqual(
      told.map(({ share }) => share),
      [50, 50],
    );
    assert.match(told[1]?.message ?? "", /no weights here/);
    assert(history.some(({ change }) => change === '"v2" answers its share'));
  });

  test("compares a shadow's answers, and shows the last differences", async () => {
    const versions = [
      { deployment: "v2", weight: 100 },
      { deployment: "v6", shadow: {} },
    ];
    await deploy(application([version(2), version(6, { factor: 3 })], versions));
    await server.controller.settled();
    await using load = new Load(net(), 1);
    await eventually("copies", async () => ((await trafficNow()).versions[1]?.shadow?.different ?? 0) >= 5);
    const { shadow } = (await trafficNow()).versions[1] ?? {};
    assert.deepEqual([shadow?.same, shadow?.failed], [0, 0]);
    assert.equal(shadow?.last_differences.at(-1)?.message, "y[0]: found 6, expected 2");
    assert.deepEqual([load.failures, load.count("v6")], [[], 0]);
  });

  test("shares web requests too: the cookie stands beside the module's own, statuses are counted", async () => {
    const page = (name: string, userConfig: object): object => ({
      name,
      module: `${MODULE}:Page`,
      user_config: userConfig,
      resources: { num_cpus: 0.1 },
      min_ready_s: 0,
    });
    await deploy({
      deployments: [page("one", { text: "one" }), page("two", { text: "two", status: 503 })],
      traffic: {
        versions: [
          { deployment: "one", weight: 100 },
          { deployment: "two", match: [{ headers: { "x-two": "*" } }] },
        ],
        sticky: { cookie: "session" },
      },
    });
    await server.controller.settled();
    const first = await fetch(`${server.http.url}/?cookie`);
    assert.equal(await first.text(), "one");
    assert.equal(first.headers.get("x-shoal-deployment"), "one");
    const [own, ours] = first.headers.getSetCookie().sort();
    assert.equal(own, "own=1");
    assert.match(ours ?? "", /^session=/);
    const second = await fetch(server.http.url, { headers: { "x-two": "1" } });
    assert.deepEqual([second.status, await second.text(), second.headers.getSetCookie()], [503, "two", []]);
    await deploy({
      deployments: [page("one", { text: "one" }), page("two", { text: "two", status: 503 })],
      traffic: {
        versions: [
          { deployment: "one", weight: 0.01 },
          { deployment: "two", weight: 99.99 },
        ],
      },
    });
    for (let request = 0; request < 5; request++) await (await fetch(server.http.url)).text();
    const [one, two] = (await trafficNow()).versions;
    assert.deepEqual(
      [two?.matched_requests, (one?.requests.answered ?? 0) + (two?.requests.failed ?? 0)],
      [1, 6],
    );
    assert((two?.requests.failed ?? 0) >= 4);
  });
});
