// One rule for several deployments, a module of a user's, through a real server: what it says is done, and what it does wrong
// is said of each deployment, which keeps what it had.

import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import type { ScalingView } from "../../gateway/index.ts";
import { TestFolder } from "../cli/support.ts";
import { shoal } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { type Served, start } from "../support/serve.ts";

const MODULE = `
export class Echo {
  infer({ x }) { return { y: x }; }
}
`;

/** Does what a file says: \`answer\` is what it answers, anything else is done. */
const policyOf = (file: string): string => `
import { readFileSync } from "node:fs";
export function decide(contexts) {
  const { answer, ...wrong } = JSON.parse(readFileSync(${JSON.stringify(file)}, "utf8"));
  if (wrong.names) throw new Error(Object.keys(contexts).join(" and "));
  if (wrong.hang) for (;;);
  return answer === "NaN" ? { front: 1, back: NaN } : answer;
}
`;

async function viewOf(server: Served, deployment: string): Promise<ScalingView> {
  const path = `/api/v1/applications/shop/deployments/${deployment}/scaling`;
  const headers = { authorization: `Bearer ${server.adminToken}` };
  return (await (await fetch(`${server.adminUrl}${path}`, { headers })).json()) as ScalingView;
}

describe("a rule for a whole application", { timeout: 180_000 }, () => {
  it("decides for its deployments together; what it does wrong touches neither their numbers nor their requests", async () => {
    await using folder = await TestFolder.make();
    const module = await folder.write("echo.mjs", MODULE);
    const script = await folder.write("script.json", '{"answer": {"front": 2, "back": 3}}');
    const policy = await folder.write("scale.mjs", policyOf(script));
    const one = (name: string, more: object): object => {
      return { name, module: `${module}:Echo`, min_ready_s: 0, resources: { num_cpus: 0.01 }, ...more };
    };
    const scaled = { autoscaling_config: { min_replicas: 1, max_replicas: 4 } };
    const config = {
      applications: [
        {
          name: "shop",
          autoscaling_policy: { policy_function: `${policy}:decide` },
          deployments: [one("front", scaled), one("back", scaled), one("fixed", { num_replicas: 1 })],
        },
      ],
    };
    await using server = await start(`${JSON.stringify(config, null, 1)}\n`, {
      env: { TMPDIR: folder.path },
    });
    const views = () => Promise.all(["front", "back"].map((name) => viewOf(server, name)));
    /** The rule does so from now on; in one step, so that it never reads half of it. */
    const say = async (does: object): Promise<void> => {
      await writeFile(`${script}.next`, JSON.stringify(does));
      await rename(`${script}.next`, script);
    };
    const reached = (what: string, is: (view: ScalingView) => boolean): Promise<void> =>
      eventually(what, async () => (await views()).every(is));
    const targets = async (): Promise<number[]> => (await views()).map((view) => view.target_num_replicas);

    await reached("what it answered", ({ running_replicas: running }) => running > 1);
    assert.deepEqual(await targets(), [2, 3]);
    const [front, back] = await views();
    assert.deepEqual([front?.policy_of, front?.fault], ["application", null]);
    const rises = [front, back].map((view) => view?.decisions.find(({ from, to }) => from < to)?.explanation);
    assert.deepEqual(rises, [
      "1 → 2: the application's policy answered 2",
      "1 → 3: the application's policy answered 3",
    ]);

    const wrongs: [object, string][] = [
      [{ names: true }, "failed: front and back (at scale.mjs:5)"],
      [{ answer: { front: 1, fixed: 2 } }, 'answered for "fixed", one of front, back was wanted'],
      [{ answer: "NaN" }, 'answered NaN for "back", a whole number of replicas was wanted'],
      [{ hang: true }, "did not answer within 10 s"],
    ];
    for (const [does, said] of wrongs) {
      await say({ answer: { front: 2, back: 3 } });
      await reached("no fault", ({ fault }) => fault === null);
      await say(does);
      await reached(said, ({ fault }) => fault === `The application's policy ${said}`);
      assert.deepEqual(await targets(), [2, 3]);
    }
    const inputs = [{ name: "x", datatype: "INT32", shape: [1, 1], data: [1] }];
    for (const name of ["front", "back", "fixed"]) {
      const asked = { method: "POST", body: JSON.stringify({ inputs }) };
      assert.equal((await fetch(`${server.url}/v2/models/${name}/infer`, asked)).status, 200);
    }
    const env = { SHOAL_STATE_DIR: server.stateDir };
    const status = await shoal(["serve", "status"], env);
    assert.match(status.stdout, /front .*The application's policy did not answer within 10 s/);

    await say({ answer: { front: 1 } });
    await reached("it is well again", ({ fault }) => fault === null);
    await eventually("one of front", async () => (await viewOf(server, "front")).running_replicas === 1);
    assert.deepEqual(await targets(), [1, 3]);
    assert.equal((await viewOf(server, "back")).explanation, "3: the application's policy left it out");
    const told = await shoal(["serve", "scaling", "front"], env);
    assert.match(
      told.stdout,
      /^front: 1 of 1 replicas run; by load, 1 to 4, policy \/.*scale\.mjs:decide of the application$/m,
    );
    assert.match(told.stdout, /2 → 1: the application's policy answered 1$/m);
  });
});
