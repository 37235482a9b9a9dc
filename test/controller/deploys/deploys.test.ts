// Deploys with real replicas: what is refused, what is done again, what becomes of it, what a restart goes on with.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { application, DeployRig, Folder, MODULE } from "./support.ts";

describe("a deploy", () => {
  test("is made so, noted, and not done again (4)", async () => {
    await using folder = await Folder.make();
    await using rig = await DeployRig.start(folder);
    assert.deepEqual(await rig.changes([application("a"), application("b")]), ["a added 1", "b added 1"]);
    assert.deepEqual([...rig.deploys.releases.keys()], ["a", "b"]);
    await rig.settled("a");
    await rig.settled("b");
    const pids = rig.pids("a");
    assert.deepEqual(await rig.changes([application("a"), application("b")]), [
      "a unchanged 1",
      "b unchanged 1",
    ]);
    assert.deepEqual(await rig.changes([application("a"), application("b", { num_replicas: 2 })]), [
      "a unchanged 1",
      "b changed 2",
    ]);
    await rig.settled("b");
    assert.deepEqual([rig.pids("a"), rig.pids("b").length], [pids, 2]);
    await rig.deploys.flush();
    const history = await rig.deploys.history("b");
    assert.deepEqual(
      history.map(({ number, outcome, author, source }) => [number, outcome.kind, author, source]),
      [
        [2, "running", "test", "a test"],
        [1, "running", "test", "a test"],
      ],
    );
  });

  test("of an application under another name keeps its replicas and comes to run, whatever its number", async () => {
    await using folder = await Folder.make();
    await using rig = await DeployRig.start(folder, { first: [application("a")] });
    await rig.settled("a");
    const pids = rig.pids("a");
    const renamed = [{ ...application("a"), name: "z" }];
    assert.deepEqual(await rig.changes(renamed), ["z added 1", "a removed undefined"]);
    await rig.settled("z");
    assert.deepEqual([rig.deploys.releases.get("z")?.outcome.kind, rig.pids("a")], ["running", pids]);
  });

  test("ends what it does not name; the history stays, and a rollback brings it back", async () => {
    await using folder = await Folder.make();
    await using rig = await DeployRig.start(folder, { first: [application("a"), application("b")] });
    await rig.settled("b");
    assert.deepEqual(await rig.changes([application("a")]), ["a unchanged 1", "b removed undefined"]);
    assert.equal(rig.controller.deployment("b"), undefined);
    await rig.deploys.flush();
    assert.deepEqual(
      (await rig.deploys.history()).map(({ application: name, number }) => `${name} ${number}`),
      ["a 1", "b 1"],
    );
    const back = await rig.deploys.rollBack("b", { author: "test", source: "test" });
    assert(back.kind === "rolled back");
    assert.deepEqual([back.release.number, back.change.change], [2, "added"]);
    await rig.settled("b");
    assert.deepEqual(await rig.deploys.remove({ author: "test", source: "test" }, ["b", "c"]), ["b"]);
    assert.deepEqual(await rig.deploys.remove({ author: "test", source: "test" }, ["b"]), []);
  });

  test("that is dry says what would change and what it costs, and changes nothing", async () => {
    await using folder = await Folder.make();
    await using rig = await DeployRig.start(folder, { first: [application("a", { user_config: { x: 1 } })] });
    await rig.settled("a");
    const wanted = [application("a", { user_config: { x: 2 }, max_queued_requests: 7 }), application("b")];
    const outcome = await rig.deploy(wanted, { dryRun: true, settings: { http_options: { port: 9 } } });
    assert(outcome.kind === "accepted");
    assert.deepEqual(outcome.applications, [
      {
        application: "a",
        change: "changed",
        release: 1,
        fields: [],
        deployments: [
          {
            name: "a",
            change: "changed",
            cost: "reconfigure",
            files: false,
            fields: [
              { path: "max_queued_requests", before: 1024, after: 7 },
              { path: "user_config.x", before: 1, after: 2 },
            ],
          },
        ],
      },
      {
        application: "b",
        change: "added",
        release: undefined,
        fields: [],
        deployments: [{ name: "b", change: "added", cost: "heavy", fields: [], files: false }],
      },
    ]);
    assert.match(outcome.notes.join(), /^http_options changed: .* from the next start$/);
    assert.equal((await rig.deploys.history()).length, 1);
    assert.equal(rig.controller.deployment("b"), undefined);
  });

  test("of files that changed replaces the replicas, and only theirs", async () => {
    await using folder = await Folder.make();
    await folder.write("other.js", MODULE);
    const both = [application("a"), application("b", { module: "./other.js:Echo" })];
    await using rig = await DeployRig.start(folder, { first: both });
    await Promise.all([rig.settled("a"), rig.settled("b")]);
    const [a, b] = [rig.pids("a"), rig.pids("b")];
    await folder.write("other.js", `${MODULE}// changed\n`);
    const outcome = await rig.deploys.refresh({ author: "test", source: "test" });
    assert(outcome.kind === "accepted");
    assert.deepEqual(
      outcome.applications.map(({ change, deployments }) => [change, deployments.map(({ files }) => files)]),
      [
        ["unchanged", []],
        ["changed", [true]],
      ],
    );
    await rig.settled("b");
    assert.deepEqual(rig.pids("a"), a);
    assert.notDeepEqual(rig.pids("b"), b);
    assert.deepEqual(await rig.changes(both), ["a unchanged 1", "b unchanged 2"]);
  });
});

test("a policy of which the file changed begins anew, and no replica notices", async () => {
  await using folder = await Folder.make();
  await folder.write("scale.js", "export const decide = ({ a, c }) => ({ a: 1, c: 1 });");
  const wanted = [withPolicy("./scale.js:decide")];
  await using rig = await DeployRig.start(folder, { first: wanted });
  const targets = (): (number | undefined)[] =>
    ["a", "c"].map((name) => rig.controller.scalingStatus(name)?.target);
  await eventually(
    "the first answer",
    () => rig.controller.scalingStatus("c")?.explanation?.includes("answered 1") === true,
  );
  await rig.settled("a");
  const pids = rig.pids("a");
  await folder.write("scale.js", "export const decide = ({ a, c }) => ({ a: 2, c: 2 });");
  const outcome = await rig.deploy(wanted);
  assert(outcome.kind === "accepted");
  const [changed] = outcome.applications;
  assert.deepEqual(
    changed?.deployments.map(({ name, cost, files }) => [name, cost, files]),
    [
      ["a", "light", true],
      ["c", "light", true],
    ],
  );
  await eventually("its answers", () => targets().every((target) => target === 2));
  await eventually("two replicas", () => rig.pids("a").length === 2);
  assert.deepEqual(
    rig.pids("a").filter((pid) => pids.includes(pid)),
    pids,
  );
});

/** Two deployments about which a function decides. */
function withPolicy(policy: string): object {
  const scaled = { num_replicas: "auto", autoscaling_config: { max_replicas: 2 } };
  const {
    deployments: [a],
    ...own
  } = application("a", scaled) as { deployments: object[] };
  return {
    ...own,
    ingress: "a",
    autoscaling_policy: { policy_function: policy },
    deployments: [a, { ...a, name: "c" }],
  };
}

describe("what is refused", () => {
  const clash = [application("a"), application("b", {}, { route_prefix: "/a" })];
  for (const [what, wanted, text, line] of [
    [
      "a key that is not known",
      [application("a", { replicas: 2 })],
      undefined,
      /unknown key "replicas" at applications\[0\]/,
    ],
    [
      "two applications with one route",
      clash,
      undefined,
      /found "\/a" again .* at applications\[1\]\.route_prefix/,
    ],
    [
      "a file that is not there",
      [application("a", { module: "./none.js" })],
      undefined,
      /found no file ".*none\.js" at applications\[0\]\.deployments\[0\]\.module/,
    ],
    [
      "a policy that is not there",
      [
        application("a", {
          autoscaling_config: { min_replicas: 1, max_replicas: 2, policy: "./none.js:decide" },
        }),
      ],
      undefined,
      /^\S+ found no file ".*none\.js" at applications\[0\]\.deployments\[0\]\.autoscaling_config\.policy, [^\n]*$/,
    ],
    [
      "an application's policy that is not there, once for all that it decides about",
      [withPolicy("./none.js:decide")],
      undefined,
      /^\S+ found no file ".*none\.js" at applications\[0\]\.autoscaling_policy\.policy_function, [^\n]*$/,
    ],
    [
      "more than the machine has",
      [application("a", { resources: { num_cpus: 64 } })],
      undefined,
      /found 64 num_cpus at applications\[0\]\.deployments\[0\]\.resources\.num_cpus, wanted at most the 4/,
    ],
    [
      "a resource that no node has",
      [application("a", { resources: { num_cpus: 0.1, custom: { tpu: 1 } } })],
      undefined,
      /found 1 tpu at applications\[0\]\.deployments\[0\]\.resources\.custom\.tpu, wanted at most the 0 tpu/,
    ],
    [
      "bundles of more than the machine has",
      [application("a", { placement_group_bundles: [{ CPU: 1 }, { CPU: 3.1 }] })],
      undefined,
      /found bundles of 4\.1 num_cpus together at applications\[0\]\.deployments\[0\]\.placement_group_bundles, wanted at most the 4/,
    ],
    [
      "an ingress that does not exist",
      [application("a", {}, { ingress: "c" })],
      undefined,
      /found "c" at applications\[0\]\.ingress/,
    ],
    ["text that is no YAML", [], "applications: [", /^shoal\.yaml:1:\d+: /],
  ] as const) {
    test(`whole: ${what}; all goes on (1)`, async () => {
      await using folder = await Folder.make();
      await using rig = await DeployRig.start(folder, { first: [application("a")] });
      await rig.settled("a");
      const pids = rig.pids("a");
      const refused = await rig.refused(wanted, text === undefined ? {} : { text });
      assert.match(refused, line);
      assert.match(refused, /^shoal\.yaml:1:\d+: /);
      assert.deepEqual([rig.pids("a"), (await rig.deploys.history()).length], [pids, 1]);
      assert.deepEqual(await rig.changes([application("a")]), ["a unchanged 1"]);
    });
  }

  test("a rollback to what is not there, or does not fit what is wanted beside it", async () => {
    await using folder = await Folder.make();
    const asked = { author: "test", source: "test" };
    await using rig = await DeployRig.start(folder, { first: [application("a")] });
    await rig.settled("a");
    assert.deepEqual(await rig.deploys.rollBack("a", asked), { kind: "no target" });
    assert.deepEqual(await rig.deploys.rollBack("a", { ...asked, to: 9 }), { kind: "no target" });
    assert.deepEqual(await rig.deploys.rollBack("none", asked), { kind: "no target" });
    await rig.changes([
      application("a", {}, { route_prefix: "/moved" }),
      application("b", {}, { route_prefix: "/a" }),
    ]);
    await Promise.all([rig.settled("a"), rig.settled("b")]);
    const refused = await rig.deploys.rollBack("a", asked);
    assert(refused.kind === "refused");
    assert.match(refused.faults[0]?.found ?? "", /"\/a" again/);
    assert.equal(rig.release("a").number, 2);
  });
});

describe("what fails", () => {
  const good = application("a", { user_config: { fail: false } });
  const bad = application("a", { version: "2", user_config: { fail: true } });

  test("is rolled back and served on; asked for again it is tried again; a rollback ends it", async () => {
    await using folder = await Folder.make();
    await using rig = await DeployRig.start(folder, { first: [good, application("b")] });
    await Promise.all([rig.settled("a"), rig.settled("b")]);
    const pids = rig.pids("a");
    assert.deepEqual(await rig.changes([bad, application("b")]), ["a changed 2", "b unchanged 1"]);
    const failed = await rig.settled("a", "failed");
    assert(failed.outcome.kind === "failed");
    assert.match(failed.outcome.reason, /^a: version .* told to fail.*; rolled back to /);
    assert.deepEqual([rig.pids("a"), rig.controller.deployment("b")?.status.state], [pids, "HEALTHY"]);
    assert.deepEqual(await rig.changes([bad, application("b")], { retry: false }), [
      "a unchanged 2",
      "b unchanged 1",
    ]);
    assert.deepEqual(await rig.changes([bad, application("b")]), ["a retried 3", "b unchanged 1"]);
    await rig.settled("a", "failed");
    const back = await rig.deploys.rollBack("a", { author: "test", source: "test" });
    assert(back.kind === "rolled back");
    assert.deepEqual(back.release.rollback, { from: 3, to: 1 });
    await rig.settled("a");
    assert.deepEqual(rig.pids("a"), pids);
    await rig.deploys.flush();
    assert.deepEqual(
      (await rig.deploys.history("a")).map(({ outcome }) => outcome.kind),
      ["running", "failed", "failed", "running"],
    );
  });

  test("is not tried again by a restart, with a config or without: the good version serves", async () => {
    await using folder = await Folder.make();
    {
      await using rig = await DeployRig.start(folder, { first: [good] });
      await rig.settled("a");
      await rig.changes([bad]);
      await rig.settled("a", "failed");
    }
    for (const first of [undefined, [bad]]) {
      await using rig = await DeployRig.start(folder, first === undefined ? {} : { first });
      await eventually("the good version", () => rig.pids("a").length === 1);
      const deployment = rig.controller.deployment("a");
      assert.equal(deployment?.config.version, "1");
      assert.deepEqual([deployment.status.state, rig.release("a").number], ["DEPLOY_FAILED", 2]);
      assert.equal(deployment.memory.course.kind, "ROLLED_BACK");
    }
  });

  test("and never had a good version is tried again by a restart", async () => {
    await using folder = await Folder.make();
    {
      await using rig = await DeployRig.start(folder, { first: [bad] });
      await rig.settled("a", "failed");
    }
    await folder.write("echo.js", MODULE.replace("userConfig?.fail", "false"));
    await using rig = await DeployRig.start(folder);
    assert.equal((await rig.settled("a")).number, 1);
  });
});

describe("a restart", () => {
  test("brings back what was wanted, with its folder and its settings, without the config (2)", async () => {
    await using folder = await Folder.make();
    {
      await using rig = await DeployRig.start(folder);
      await rig.deploy([application("a"), application("b", { num_replicas: 2 })], {
        settings: { http_options: { port: 1234 } },
      });
      await rig.deploy([application("b", { num_replicas: 2 }), application("c")], {
        settings: { http_options: { port: 1234 } },
      });
    }
    await using rig = await DeployRig.start(folder);
    assert.equal(rig.state.config.http.port, 1234);
    assert.deepEqual(
      rig.controller.config.applications.map(({ name }) => name),
      ["b", "c"],
    );
    await Promise.all([rig.settled("b"), rig.settled("c")]);
    assert.equal(rig.pids("b").length, 2);
  });

  test("finds the files of its listeners where they were, also with no application left (2)", async () => {
    await using folder = await Folder.make();
    {
      await using rig = await DeployRig.start(folder);
      const tls = { cert_file: "a.pem", key_file: "/srv/a.key" };
      await rig.deploy([application("a")], { settings: { keda_options: { port: 1235, tls } } });
      await rig.deploys.remove({ author: "bob", source: "test" });
    }
    await using rig = await DeployRig.start(folder);
    assert.deepEqual(rig.state.config.keda, {
      host: "127.0.0.1",
      port: 1235,
      tls: { certFile: `${folder.path}/a.pem`, keyFile: "/srv/a.key" },
    });
  });

  test("with another config begins with that one", async () => {
    await using folder = await Folder.make();
    {
      await using rig = await DeployRig.start(folder, { first: [application("a"), application("b")] });
      await rig.settled("a");
    }
    await using rig = await DeployRig.start(folder, { first: [application("a", { version: "2" })] });
    await rig.settled("a");
    assert.equal(rig.controller.deployment("a")?.memory.nextReplica, 2);
    assert.deepEqual([...rig.deploys.releases.keys()], ["a"]);
  });

  test("serves the others when one cannot be read any more, and says why", async () => {
    await using folder = await Folder.make();
    {
      await using rig = await DeployRig.start(folder, { first: [application("a")] });
      await rig.settled("a");
      // As a Shoal would have left it that knew more keys.
      const config = { ...application("old"), later: true };
      const content = { config, directory: folder.path };
      await rig.state.store.apply({ author: "test", source: "test", deploy: new Map([["old", content]]) });
    }
    await using rig = await DeployRig.start(folder);
    await rig.settled("a");
    assert.deepEqual([...rig.deploys.unreadable.keys()], ["old"]);
    assert.match(rig.deploys.unreadable.get("old") ?? "", /the unknown key "later"/);
    assert.deepEqual(await rig.changes([application("a"), application("old")]), [
      "a unchanged 1",
      "old added 2",
    ]);
    assert.equal(rig.deploys.unreadable.size, 0);
  });

  test("goes on with the traffic where it was; what is removed is forgotten", async () => {
    await using folder = await Folder.make();
    const versions = ["old", "new"];
    const deployments = versions.map((name) => ({ name, module: "./echo.js:Echo", min_ready_s: 0 }));
    const shared = (...weights: readonly number[]): object => {
      const traffic = {
        versions: versions.map((name, index) => ({ deployment: name, weight: weights[index] })),
      };
      return application("shared", {}, { deployments, traffic });
    };
    let before: ReturnType<DeployRig["controller"]["storedTraffic"]>;
    {
      await using rig = await DeployRig.start(folder, { first: [shared(80, 20)] });
      await rig.settled("shared");
      await rig.deploy([shared(60, 40)]);
      await rig.settled("shared");
      before = rig.controller.storedTraffic("shared");
    }
    assert(before !== undefined);
    {
      await using rig = await DeployRig.start(folder);
      const after = rig.controller.storedTraffic("shared");
      assert.deepEqual(after?.slots, before.slots);
      assert.deepEqual(after.history.slice(0, before.history.length), before.history);
      await rig.deploy([application("other")]);
    }
    await using rig = await DeployRig.start(folder);
    assert.equal(rig.state.traffic.size, 0);
  });

  test("a second server on the same store is refused", async () => {
    await using folder = await Folder.make();
    await using _rig = await DeployRig.start(folder);
    await assert.rejects(DeployRig.start(folder), { code: "STORE_LOCKED" });
  });
});

test("a server that drains changes nothing any more", async () => {
  await using folder = await Folder.make();
  await using rig = await DeployRig.start(folder, { first: [application("a")] });
  const last = rig.changes([application("a"), application("b")]);
  await rig.deploys.close();
  assert.deepEqual(await last, ["a unchanged 1", "b added 1"]);
  await assert.rejects(rig.deploy([application("a")]), { code: "DRAINING" });
  await assert.rejects(rig.deploys.remove({ author: "test", source: "test" }), { code: "DRAINING" });
  assert.equal(rig.controller.deployments().length, 2);
});
