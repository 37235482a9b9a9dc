// How many replicas and why, over the admin listener: shapes, refusals, and Ray's way to scale from outside.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decodeConfig } from "../../../controller/index.ts";
import { type ScalingView, type ServeStatusView, Server } from "../../../gateway/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { MODULE } from "../../controller/deploys/support.ts";
import { eventually } from "../../support/eventually.ts";

interface Refusal {
  readonly error: string;
  readonly code: string;
}

/** A server of three deployments: scaled from outside, by load, and by their number alone. */
class Rig implements AsyncDisposable {
  readonly server: Server;
  readonly #folder: string;

  private constructor(server: Server, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  static async start(): Promise<Rig> {
    const folder = await mkdtemp(join(tmpdir(), "shoal-test-"));
    await writeFile(join(folder, "echo.js"), MODULE);
    await writeFile(
      join(folder, "scale.mjs"),
      `export function decide() { throw new Error("out of ideas"); }`,
    );
    const one = (name: string, more: object): object => {
      return { name, module: "./echo.js:Echo", min_ready_s: 0, resources: { num_cpus: 0.01 }, ...more };
    };
    const load = { min_replicas: 0, max_replicas: 3, policy: "./scale.mjs:decide", latency_slo_ms: 50 };
    const text = JSON.stringify({
      applications: [
        {
          name: "open",
          route_prefix: "/a",
          external_scaler_enabled: true,
          deployments: [one("by-hand", {})],
        },
        {
          name: "closed",
          route_prefix: "/b",
          deployments: [one("by-load", { autoscaling_config: load }), one("fixed", {})],
        },
      ],
      http_options: { port: 0 },
      admin_options: { port: 0 },
    });
    const decoded = decodeConfig(text, { file: join(folder, "shoal.json") });
    assert(decoded.kind === "ok", JSON.stringify(decoded));
    return new Rig(await Server.start({ config: decoded.value, log: silentLog }), folder);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- says what a path answers
  async ask<Body>(path: string, body?: string): Promise<{ status: number; body: Body }> {
    const response = await fetch(`${this.server.admin.url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${this.server.adminToken}`, "shoal-author": "b%C3%B6b" },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, body: (await response.json()) as Body };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.drain();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const place = (application: string, deployment: string): string =>
  `/api/v1/applications/${application}/deployments/${deployment}`;

test("scaling tells target, bounds, policy, decisions and what is wrong; the status tells what is wrong", async () => {
  await using rig = await Rig.start();
  const path = `${place("closed", "by-load")}/scaling`;
  await eventually("a fault", async () => (await rig.ask<ScalingView>(path)).body.fault !== null);
  const { decisions, policy, ...view } = (await rig.ask<ScalingView>(path)).body;
  assert.deepEqual(view, {
    application: "closed",
    deployment: "by-load",
    decided_by: "load",
    target_num_replicas: 0,
    running_replicas: 0,
    min_replicas: 0,
    max_replicas: 3,
    policy_of: "deployment",
    latency_slo_ms: 50,
    external_scaler_enabled: false,
    explanation: "0: the policy has not answered yet; kept, since it failed: out of ideas (at scale.mjs:1)",
    fault: "The policy failed: out of ideas (at scale.mjs:1)",
  });
  assert.match(policy ?? "", /^\/.*\/scale\.mjs:decide$/);
  const [newest] = decisions;
  assert.equal(
    newest?.explanation,
    "0: the policy has not answered yet; kept, since it failed: out of ideas (at scale.mjs:1)",
  );
  assert(Date.parse(newest?.until ?? "") >= Date.parse(newest?.since ?? ""));
  const status = await rig.ask<ServeStatusView>("/api/serve/applications/");
  const shown = status.body.applications["closed"]?.deployments;
  assert.equal(shown?.["by-load"]?.scaling_fault, "The policy failed: out of ideas (at scale.mjs:1)");
  assert.equal(shown["fixed"]?.scaling_fault, null);
  const { body: fixed } = await rig.ask<ScalingView>(`${place("closed", "fixed")}/scaling`);
  assert.deepEqual(
    [fixed.decided_by, fixed.min_replicas, fixed.policy, fixed.decisions],
    ["config", null, null, []],
  );
});

test("scale sets the number of replicas where the application lets it, and tells who asked", async () => {
  await using rig = await Rig.start();
  const { status, body } = await rig.ask<ScalingView>(
    `${place("open", "by-hand")}/scale`,
    '{"target_num_replicas": 2}',
  );
  assert.equal(status, 200);
  assert.deepEqual(
    [body.decided_by, body.target_num_replicas, body.external_scaler_enabled],
    ["external", 2, true],
  );
  assert.deepEqual(
    body.decisions.map(({ from, to, explanation }) => [from, to, explanation]),
    [[1, 2, "1 → 2: asked for by böb"]],
  );
  const path = `${place("open", "by-hand")}/scaling`;
  await eventually("two run", async () => (await rig.ask<ScalingView>(path)).body.running_replicas === 2);
});

test("scale is refused with the reason, and nothing has changed", async () => {
  await using rig = await Rig.start();
  const good = '{"target_num_replicas": 2}';
  const wanted = 'wanted {"target_num_replicas": <a whole number from 0 to 1024>}';
  const cases: [string, string, number, string][] = [
    [
      place("closed", "fixed"),
      good,
      403,
      'Cannot scale "fixed": its application "closed" has no external_scaler_enabled: true',
    ],
    [place("nobody", "fixed"), good, 404, 'Cannot find an application "nobody"'],
    [place("open", "fixed"), good, 404, 'Cannot find a deployment "fixed"'],
    [place("open", "by-hand"), "", 400, `Cannot scale: found no JSON, ${wanted}`],
    ...["-1", "1.5", "1025", '"2"', "null"].map((number): [string, string, number, string] => {
      const body = `{"target_num_replicas": ${number}}`;
      return [place("open", "by-hand"), body, 400, `Cannot scale: found ${body}, ${wanted}`];
    }),
  ];
  for (const [at, body, status, error] of cases) {
    const answer = await rig.ask<Refusal>(`${at}/scale`, body);
    assert.deepEqual([answer.status, answer.body.error], [status, error]);
  }
  assert.equal(
    (await rig.ask<ScalingView>(`${place("open", "by-hand")}/scaling`)).body.target_num_replicas,
    1,
  );
  assert.equal((await rig.ask<Refusal>(`${place("open", "nothing")}/scaling`)).body.code, "NOT_FOUND");
});
