// What goes wrong while the number of replicas is decided, through a real server: contained, said, and the last good number
// kept; and the command that tells it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ScalingView, ServeStatusView } from "../../gateway/index.ts";
import { TestFolder } from "../cli/support.ts";
import { shoal } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { type Served, start } from "../support/serve.ts";

const MODULE = `
export class Slow {
  async infer({ x }) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { y: x };
  }
}
`;

/** Each answers 2 first, and is never good again. */
const POLICIES = `
const twice = (then) => ({ policyState }) => (policyState === "asked" ? then() : [2, "asked"]);
export const throws = twice(() => { throw new Error("out of ideas"); });
export const hangs = twice(() => { for (;;) {} });
export const waits = twice(() => new Promise(() => {}));
export const nan = twice(() => NaN);
export const half = twice(() => 2.5);
export const leaves = twice(() => process.exit(3));
`;

const FAULTS: Readonly<Record<string, RegExp>> = {
  throws: /^The policy failed: out of ideas \(at \w+\.\w+:3\)$/,
  hangs: /^The policy did not answer within 10 s$/,
  waits: /^The policy did not answer within 10 s$/,
  nan: /^The policy answered NaN, a whole number of replicas was wanted$/,
  half: /^The policy answered 2\.5, a whole number of replicas was wanted$/,
  leaves: /^The policy failed: its thread ended with code 3$/,
  missing: /^The policy failed: Cannot find the policy "missing": the module exports .*throws/,
};

async function scalingOf(server: Served, deployment: string): Promise<ScalingView> {
  const path = `/api/v1/applications/all/deployments/${deployment}/scaling`;
  const response = await fetch(`${server.adminUrl}${path}`, {
    headers: { authorization: `Bearer ${server.adminToken}` },
  });
  return (await response.json()) as ScalingView;
}

async function ask(server: Served, deployment: string): Promise<Response> {
  const inputs = [{ name: "x", datatype: "INT32", shape: [1, 1], data: [1] }];
  return await fetch(`${server.url}/v2/models/${deployment}/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs }),
  });
}

async function serve(folder: TestFolder, deployments: readonly object[]): Promise<Served> {
  const text = JSON.stringify({ applications: [{ name: "all", deployments }] }, null, 1);
  return await start(`${text}\n`, { env: { TMPDIR: folder.path } });
}

describe("scaling that goes wrong", { timeout: 180_000 }, () => {
  it("a user's policy that throws, hangs, leaves or answers nonsense touches only its own deployment", async () => {
    await using folder = await TestFolder.make();
    const module = await folder.write("slow.mjs", MODULE);
    const policies = await folder.write("policies.mjs", POLICIES);
    const names = Object.keys(FAULTS);
    const deployments = names.map((name) => ({
      name,
      module: `${module}:Slow`,
      resources: { num_cpus: 0.01 },
      min_ready_s: 0,
      autoscaling_config: { min_replicas: 1, max_replicas: 3, policy: `${policies}:${name}` },
    }));
    await using server = await serve(folder, deployments);
    for (const [name, fault] of Object.entries(FAULTS)) {
      await eventually(`the fault of ${name}`, async () =>
        fault.test((await scalingOf(server, name)).fault ?? ""),
      );
      const { target_num_replicas: target } = await scalingOf(server, name);
      assert.equal(target, name === "missing" ? 1 : 2, name);
      assert.equal((await ask(server, name)).status, 200, name);
    }
    const { stdout } = await shoal(["serve", "status", "--json"], { SHOAL_STATE_DIR: server.stateDir });
    const { applications } = JSON.parse(stdout) as ServeStatusView;
    for (const [name, fault] of Object.entries(FAULTS)) {
      assert.match(applications["all"]?.deployments[name]?.scaling_fault ?? "", fault);
    }
  });

  it("an objective that nobody can meet is said, by the status and by the command", async () => {
    await using folder = await TestFolder.make();
    const module = await folder.write("slow.mjs", MODULE);
    const scaling = { min_replicas: 1, max_replicas: 2, latency_slo_ms: 20 };
    const hasty = {
      name: "hasty",
      module: `${module}:Slow`,
      resources: { num_cpus: 0.01 },
      autoscaling_config: scaling,
    };
    const fixed = { ...hasty, name: "fixed", autoscaling_config: { latency_slo_ms: 20 } };
    await using server = await serve(folder, [hasty, fixed]);
    const fault =
      /^The objective of 20 ms is below the time of one row; replicas are counted for three times that time$/;
    await eventually("the fault", async () => {
      await (await ask(server, "hasty")).arrayBuffer();
      return fault.test((await scalingOf(server, "hasty")).fault ?? "");
    });
    const unattainable =
      /^The objective of 20 ms is below the time of one row, \d+ ms; batches are made for three times/;
    await eventually("the fault where load does not decide", async () => {
      await (await ask(server, "fixed")).arrayBuffer();
      return unattainable.test((await scalingOf(server, "fixed")).fault ?? "");
    });
    const env = { SHOAL_STATE_DIR: server.stateDir };
    const status = await shoal(["serve", "status"], env);
    assert.match(status.stdout, /^all .* fixed +HEALTHY .*batches are made for three times that time/m);
    assert.match(
      status.stdout,
      /^all .* hasty +HEALTHY .*The objective of 20 ms is below the time of one row/m,
    );
    const told = await shoal(["serve", "scaling", "hasty"], env);
    assert.deepEqual([told.code, told.stderr], [0, ""]);
    const [first, now, second, empty, head, decision] = told.stdout.split("\n");
    assert.match(first ?? "", /^hasty: \d of [12] replicas run; by load, 1 to 2, policy slo, 20 ms to keep$/);
    assert.match(now ?? "", /^now: (1 → )?[12]: .*req\/s measured/);
    assert.match(second ?? "", /^fault: The objective of 20 ms/);
    assert.deepEqual(
      [empty, head?.trimEnd()],
      ["", "since                     until                     decision"],
    );
    assert.match(decision ?? "", /^\d{4}-\S+Z {2}\d{4}-\S+Z {2}(1 → )?[12]: .*\(The objective of 20 ms/);
    const json = await shoal(["serve", "scaling", "hasty", "--json"], env);
    assert.match((JSON.parse(json.stdout) as ScalingView).fault ?? "", fault);
    const unknown = await shoal(["serve", "scaling", "nobody"], env);
    assert.deepEqual(
      [unknown.code, unknown.stderr],
      [1, 'Cannot find a deployment "nobody": there is hasty, fixed\n'],
    );
  });
});
