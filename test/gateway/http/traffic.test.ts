// Versions behind one route and one V2 model name: who answers, what the client is told, what is counted, what is copied.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TrafficRouter, type TrafficTable } from "../../../controller/index.ts";
import { ShoalError } from "../../../runtime/base/index.ts";
import type { RawConnection, RawResponse } from "../../support/raw-http.ts";
import { tensor } from "../../support/tensors.ts";
import { until } from "../../support/until.ts";
import { table } from "../../controller/traffic/support.ts";
import { assertRefused, type Door, FakeDeployment, identity, open, renamed } from "./support.ts";

const INPUTS = [{ name: "x", datatype: "FP32", shape: [1, 2], data: [1, 2] }];
const BODY = JSON.stringify({ inputs: INPUTS });
const NET = "POST /v2/models/net/infer";

interface Versions extends Door {
  readonly versions: readonly FakeDeployment[];
  readonly router: TrafficRouter;
}

/** A door before `v0`, `v1`, … that give `x` back as `y`; route `/v0`, V2 model `net`. */
async function openVersions(
  percents: readonly number[],
  more: Partial<TrafficTable> = {},
): Promise<Versions> {
  const router = new TrafficRouter(table(percents, { application: "v0", model: "net", ...more }));
  const versions = percents.map((_, index) => {
    const deployment = new FakeDeployment(`v${index}`, identity("FP32"));
    deployment.version = String(index + 1);
    deployment.replica.outputs = renamed;
    return deployment;
  });
  return { ...(await open(versions, { routers: [router] })), versions, router };
}

async function ask(
  connection: RawConnection,
  line: string = NET,
  headers: Readonly<Record<string, string>> = {},
  body: string | undefined = line.startsWith("POST") ? BODY : undefined,
): Promise<RawResponse> {
  await connection.request(line, headers, body);
  return connection.response();
}

function jsonOf(response: RawResponse): unknown {
  assert.equal(response.status, 200, response.body.toString());
  return JSON.parse(response.body.toString());
}

describe("under one V2 model name", () => {
  test("a version answers by its share, and says which and of what version it is", async () => {
    await using door = await openVersions([0, 100]);
    using connection = await door.connect();
    const response = await ask(connection);
    assert.equal(response.headers["x-shoal-deployment"], "v1");
    assert.partialDeepStrictEqual(jsonOf(response), { model_name: "net", model_version: "2" });
    assert.deepEqual(
      door.versions.map(({ replica }) => replica.received.length),
      [0, 1],
    );
  });

  test("a V2 version names the deployment, whatever the shares, and is not counted", async () => {
    await using door = await openVersions([0, 100]);
    using connection = await door.connect();
    const pinned = await ask(connection, "POST /v2/models/net/versions/1/infer");
    assert.partialDeepStrictEqual(jsonOf(pinned), { model_name: "net", model_version: "1" });
    assert.equal(pinned.headers["x-shoal-deployment"], undefined);
    assert.equal(door.router.meter.take().versions["v0"]?.answered, 0);
    const missing = await ask(connection, "POST /v2/models/net/versions/7/infer");
    assertRefused(missing, 404, /'net' version 7 is not found/);
  });

  test("its metadata has all versions, and is there beside theirs; a shadow is none of them", async () => {
    const shadows = [
      { version: 2, parts: 1, relativeTolerance: 0, absoluteTolerance: 0, maxOngoingRequests: 1 },
    ];
    await using door = await openVersions([50, 50, 0], { stable: 1, shadows });
    using connection = await door.connect();
    const get = async (path: string): Promise<unknown> => jsonOf(await ask(connection, `GET ${path}`));
    assert.partialDeepStrictEqual(await get("/v2/models/net"), { name: "net", versions: ["2", "1"] });
    assert.partialDeepStrictEqual(await get("/v2/models/net/versions/1"), { name: "net", versions: ["1"] });
    assert.partialDeepStrictEqual(await get("/v2/models/v0"), { name: "v0", versions: ["1"] });
    assert.deepEqual(await get("/v2/models"), { models: ["v0", "v1", "v2", "net"] });
    assert.deepEqual(await get("/v2/models/net/ready"), { name: "net", ready: true });
    const { model_stats } = (await get("/v2/models/net/stats")) as {
      model_stats: { name: string; version: string }[];
    };
    assert.deepEqual(
      model_stats.map(({ name, version }) => [name, version]),
      [
        ["net", "2"],
        ["net", "1"],
      ],
    );
    const index = jsonOf(await ask(connection, "POST /v2/repository/index", {}, "")) as { name: string }[];
    assert.deepEqual(
      index.map(({ name }) => name),
      ["v0", "v1", "v2", "net", "net"],
    );
    assertRefused(await ask(connection, "GET /v2/models/net/versions/3"), 404, /version 3 is not found/);
    assertRefused(await ask(connection, "GET /v2/models/neta"), 404, /'neta' is not found/);
  });

  test("a deployment asked by its own name answers itself, uncounted", async () => {
    await using door = await openVersions([0, 100]);
    using connection = await door.connect();
    const own = await ask(connection, "POST /v2/models/v0/infer");
    assert.partialDeepStrictEqual(jsonOf(own), { model_name: "v0", model_version: "1" });
  });
});

describe("who answers", () => {
  test("is told by a rule before the shares; those are counted apart", async () => {
    const rules = [{ headers: { "x-beta": "1" }, cookies: {}, version: 1 }];
    await using door = await openVersions([100, 0], { rules });
    using connection = await door.connect();
    assert.equal((await ask(connection, NET, { "X-Beta": "1" })).headers["x-shoal-deployment"], "v1");
    assert.equal((await ask(connection, "POST /v0", {}, "[[1,2]]")).headers["x-shoal-deployment"], "v0");
    const { v0, v1 } = door.router.meter.take().versions;
    assert.deepEqual([v0?.answered, v0?.matched, v1?.answered, v1?.matched], [1, 0, 0, 1]);
  });

  test("stays the same in a session: a cookie is set once, on any path, and kept to", async () => {
    const sticky = { kind: "cookie", name: "shoal", maxAgeMs: 90_000 } as const;
    await using door = await openVersions([50, 50], { sticky });
    using connection = await door.connect();
    for (let session = 0; session < 8; session++) {
      const line = session % 2 === 0 ? NET : "POST /v0";
      const first = await ask(connection, line, {}, session % 2 === 0 ? BODY : "[[1,2]]");
      const [cookie = ""] = first.setCookies;
      assert.match(cookie, /^shoal=[\w-]{36}; Path=\/; Max-Age=90; HttpOnly; SameSite=Lax$/);
      const headers = { cookie: `other=1; ${cookie.split(";")[0]}` };
      for (const [again, body] of [
        [NET, BODY],
        ["POST /v0", "[[1,2]]"],
      ] as const) {
        const response = await ask(connection, again, headers, body);
        assert.deepEqual(response.setCookies, []);
        assert.equal(response.headers["x-shoal-deployment"], first.headers["x-shoal-deployment"]);
      }
    }
  });

  test("is the same for whoever a header names, and errors say who it was too", async () => {
    await using door = await openVersions([50, 50], { sticky: { kind: "header", name: "x-user" } });
    using connection = await door.connect();
    const seen = new Set<string | undefined>();
    for (let user = 0; user < 32; user++) {
      const headers = { "x-user": `user ${user}` };
      const first = await ask(connection, NET, headers);
      const second = await ask(connection, NET, headers, "{}");
      assertRefused(second, 400, /./);
      assert.equal(second.headers["x-shoal-deployment"], first.headers["x-shoal-deployment"]);
      seen.add(first.headers["x-shoal-deployment"]);
    }
    assert.equal(seen.size, 2);
  });

  test("is the stable version while another cannot", async () => {
    await using door = await openVersions([0, 100], {
      versions: [
        { deployment: "v0", answers: 0 },
        { deployment: "v1", answers: 0 },
      ],
    });
    using connection = await door.connect();
    assert.equal((await ask(connection)).headers["x-shoal-deployment"], "v0");
  });

  test("is another when a version is taken away while the request's body is read", async () => {
    for (const [line, body] of [
      [NET, BODY],
      ["POST /v0", "[[1,2]]"],
    ] as const) {
      await using door = await openVersions([0, 100]);
      const [, leaving] = door.versions;
      using connection = await door.connect();
      await connection.request(line, { "content-length": String(body.length) }, body.slice(0, 5));
      await until(() => door.server.openRequests === 1);
      door.router.adopt(table([100, 0], { application: "v0", model: "net", revision: 2 }));
      await leaving?.dispatcher.drain(0);
      await connection.write(body.slice(5));
      const response = await connection.response();
      assert.equal(response.status, 200, response.body.toString());
      assert.equal(response.headers["x-shoal-deployment"], "v0");
      const { v0, v1 } = door.router.meter.take().versions;
      assert.deepEqual([v0?.answered, v1?.failed], [1, 0]);
    }
  });
});

describe("what is counted", () => {
  test("answers with their time, failures, and what clients sent wrong", async () => {
    await using door = await openVersions([0, 100]);
    const [, v1] = door.versions;
    assert(v1 !== undefined);
    using connection = await door.connect();
    await ask(connection);
    await ask(connection, "POST /v0", {}, "[[1,2]]");
    await ask(connection, NET, {}, "{");
    await ask(connection, "POST /v0", {}, '["x"]');
    for (const code of ["ENGINE_FAILED", "REPLICA_DIED", "DEADLINE_EXCEEDED"] as const) {
      v1.replica.fail = new ShoalError(code, "no");
      await ask(connection);
    }
    v1.replica.fail = new ShoalError("INVALID_ARGUMENT", "no");
    await ask(connection);
    v1.dispatcher.refuseAll(new ShoalError("QUEUE_FULL", "full"));
    await ask(connection);
    const { answered, failed, refused, latency } = door.router.meter.take().versions["v1"] ?? {};
    assert.deepEqual([answered, failed, refused], [2, 4, 3]);
    assert.equal(
      latency?.reduce((sum, count) => sum + count, 0),
      2,
    );
  });

  test("not a client that leaves, nor a server that drains", async () => {
    await using door = await openVersions([0, 100]);
    const [, v1] = door.versions;
    assert(v1 !== undefined);
    v1.replica.hold = true;
    const leaving = await door.connect();
    await leaving.request(NET, {}, BODY);
    await v1.replica.nextBatch();
    leaving.reset();
    await until(() => v1.dispatcher.open === 0);
    door.server.refuse();
    using late = await door.connect();
    assert.equal((await ask(late)).status, 503);
    v1.replica.releaseAll();
    const { answered, failed, refused } = door.router.meter.take().versions["v1"] ?? {};
    assert.deepEqual([answered, failed, refused], [0, 0, 0]);
  });
});

describe("a shadow", () => {
  const shadow = {
    version: 1,
    parts: 10_000,
    relativeTolerance: 1e-3,
    absoluteTolerance: 0,
    maxOngoingRequests: 1,
  };

  async function openShadow(): Promise<Versions & { readonly copy: FakeDeployment }> {
    const door = await openVersions([100, 0], { shadows: [shadow] });
    const [, copy] = door.versions;
    assert(copy !== undefined);
    return { ...door, copy };
  }

  /** What of the copies is known once `count` of them are over. */
  async function copiesOf({ router }: Versions, count: number) {
    let same = 0;
    let different = 0;
    let failed = 0;
    let skipped = 0;
    const differences: string[] = [];
    await until(() => {
      const taken = router.meter.take().shadows["v1"];
      same += taken?.same ?? 0;
      different += taken?.different ?? 0;
      failed += taken?.failed ?? 0;
      skipped += taken?.skipped ?? 0;
      differences.push(...(taken?.differences ?? []).map(({ what }) => what));
      return same + different + failed + skipped === count;
    });
    return { same, different, failed, skipped, differences };
  }

  test("gets what the version got; answers are compared within the tolerance, and thrown away", async () => {
    await using door = await openShadow();
    using connection = await door.connect();
    const answers = [
      [1, 2],
      [1.0005, 2],
      [1, 2.5],
    ];
    door.copy.replica.outputs = () => [
      tensor("y", "FP32", { shape: [1, 2], values: answers[door.copy.replica.received.length - 1] ?? [] }),
    ];
    const counts = [];
    for (const line of [NET, NET, "POST /v0"]) {
      const response = await ask(connection, line, {}, line === NET ? BODY : "[[1,2]]");
      assert.equal(response.headers["x-shoal-deployment"], "v0");
      assert.match(response.body.toString(), /\[1,2\]/);
      counts.push(await copiesOf(door, 1));
    }
    assert.deepEqual(
      counts.map(({ same, different }) => [same, different]),
      [
        [1, 0],
        [1, 0],
        [0, 1],
      ],
    );
    assert.deepEqual(counts[2]?.differences, ["y[1]: found 2.5, expected 2"]);
  });

  test("of a request with raw tensors gets them whole, whatever becomes of the request's memory", async () => {
    await using door = await openShadow();
    using connection = await door.connect();
    const values = Float32Array.from({ length: 20_000 }, (_, index) => index);
    const size = values.byteLength;
    const input = { name: "x", datatype: "FP32", shape: [10_000, 2], parameters: { binary_data_size: size } };
    for (const { signature } of door.versions) assert(signature !== undefined);
    door.copy.dispatcher.setPolicy({ ...door.copy.dispatcher.policy, maxBatchSize: 10_000 });
    door.versions[0]?.dispatcher.setPolicy({ ...door.copy.dispatcher.policy, maxBatchSize: 10_000 });
    const head = JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } });
    const body = Buffer.concat([Buffer.from(head), Buffer.from(values.buffer)]);
    await connection.request(NET, { "inference-header-content-length": String(head.length) }, body);
    assert.equal((await connection.response()).status, 200);
    const { same } = await copiesOf(door, 1);
    assert.equal(same, 1);
    const copied = door.copy.replica.received[0]?.inputs[0]?.bytes;
    await until(() => copied?.byteLength === 0); // once the last copy is over (shadows 3)
  });

  test("never keeps a client waiting, and takes no more copies than it may", async () => {
    await using door = await openShadow();
    using connection = await door.connect();
    door.copy.replica.hold = true;
    jsonOf(await ask(connection));
    await door.copy.replica.nextBatch();
    for (let request = 0; request < 3; request++) jsonOf(await ask(connection));
    assert.deepEqual((await copiesOf(door, 3)).skipped, 3);
    door.copy.replica.releaseAll();
    assert.deepEqual((await copiesOf(door, 1)).same, 1);
    jsonOf(await ask(connection));
    assert.deepEqual((await copiesOf(door, 1)).same, 1);
  });

  test("that fails, is full or is not there fails nobody", async () => {
    await using door = await openShadow();
    using connection = await door.connect();
    door.copy.replica.fail = new ShoalError("ENGINE_FAILED", "out of sorts");
    jsonOf(await ask(connection));
    assert.deepEqual(await copiesOf(door, 1), {
      same: 0,
      different: 0,
      failed: 1,
      skipped: 0,
      differences: ["out of sorts"],
    });
    door.copy.dispatcher.refuseAll(new ShoalError("QUEUE_FULL", "full"));
    jsonOf(await ask(connection));
    assert.equal((await copiesOf(door, 1)).skipped, 1);
    door.copy.ready = false;
    jsonOf(await ask(connection));
    assert.equal((await copiesOf(door, 1)).skipped, 1);
  });

  test("gets no copy of what was not answered", async () => {
    await using door = await openShadow();
    using connection = await door.connect();
    const [v0] = door.versions;
    assert(v0 !== undefined);
    v0.replica.fail = new ShoalError("ENGINE_FAILED", "no");
    await ask(connection);
    v0.replica.fail = undefined;
    jsonOf(await ask(connection));
    await copiesOf(door, 1);
    assert.equal(door.copy.replica.received.length, 1);
  });
});
