import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Controller, decodeConfig, Deploys, DesiredState } from "../../../controller/index.ts";
import { AdminServer } from "../../../gateway/admin/server.ts";
import type { ServeStatusView } from "../../../gateway/admin/status.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import { until } from "../../support/until.ts";
import { RawConnection, type RawResponse } from "../../support/raw-http.ts";

const TOKEN = "s3cret-token";

const CONFIG = `
applications:
  - name: digits
    route_prefix: /digits
    deployments:
      - name: digits
        model: digits.onnx
`;

interface Admin extends AsyncDisposable {
  readonly url: string;
  readonly shutdowns: number;
  ask(line: string, headers?: Readonly<Record<string, string>>, body?: string): Promise<RawResponse>;
}

/** The admin listener over a controller that was started and has deployed nothing. */
async function open(): Promise<Admin> {
  const outcome = decodeConfig(CONFIG, { file: "/srv/shoal.yaml" });
  assert(outcome.kind === "ok");
  const config = { ...outcome.value, applications: [] };
  const controller = await Controller.start({ config, log: silentLog, logLevel: "silent" });
  const state = await DesiredState.open();
  const first = { text: CONFIG, file: "shoal.yaml", directory: "/srv", author: "test", source: "test" };
  const deploys = await Deploys.start({ state, controller, log: silentLog, first });
  deploys.begin();
  let shutdowns = 0;
  const server = await AdminServer.start({
    identity: { pid: process.pid },
    admin: { host: "127.0.0.1", port: 0 },
    controller,
    deploys,
    token: TOKEN,
    onShutdown: () => shutdowns++,
  });
  return {
    url: server.url,
    get shutdowns() {
      return shutdowns;
    },
    async ask(line, headers = {}, body) {
      using connection = await RawConnection.open(server.url);
      await connection.request(line, { host: "127.0.0.1", ...headers }, body);
      return await connection.response(line.startsWith("HEAD"));
    },
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await controller[Symbol.asyncDispose]();
      await deploys.flush();
      await state[Symbol.asyncDispose]();
    },
  };
}

const bearer = { authorization: `Bearer ${TOKEN}` };

describe("the token (invariant 1)", () => {
  for (const line of [
    "GET /api/serve/applications/",
    "DELETE /api/serve/applications/",
    "GET /api/serve/config",
    "HEAD /api/serve/config",
    "OPTIONS /api/serve/config",
    "GET /no/such/route",
    "PUT /api/serve/applications/",
    "DELETE /api/serve/applications/digits",
    "POST /api/serve/applications/digits/rollback",
    "POST /api/serve/shutdown",
    "GET /api/v1/applications/digits/deployments/digits/scaling",
    "POST /api/v1/applications/digits/deployments/digits/scale",
    "GET /api/serve/nodes",
    "POST /api/serve/nodes/node-1/drain",
    "DELETE /api/serve/nodes/node-1/drain",
  ]) {
    test(`${line} needs it`, async () => {
      await using admin = await open();
      const wrong = [
        undefined,
        "",
        "Bearer",
        "Bearer ",
        `Bearer ${TOKEN}x`,
        `Bearer ${TOKEN.slice(1)}`,
        `Basic ${TOKEN}`,
        TOKEN,
      ];
      for (const authorization of wrong) {
        const response = await admin.ask(line, authorization === undefined ? {} : { authorization });
        assert.equal(response.status, 401, `${authorization}`);
        assert.equal(response.headers["www-authenticate"], "Bearer");
        assert(!response.body.toString().includes(TOKEN));
      }
      assert.equal(admin.shutdowns, 0);
    });
  }

  test("opens what is there, and tells what is not", async () => {
    await using admin = await open();
    assert.equal((await admin.ask("GET /api/serve/applications", bearer)).status, 200);
    assert.equal(
      (await admin.ask("GET /api/serve/config", { authorization: `bearer ${TOKEN}` })).status,
      200,
    );
    const missing = await admin.ask("GET /api/serve/nothing", bearer);
    assert.equal(missing.status, 404);
    assert.match(missing.body.toString(), /"Cannot GET \/api\/serve\/nothing: no such route"/);
  });
});

describe("the Host (invariant 2)", () => {
  for (const host of ["localhost", "localhost:1", "127.0.0.1:8265", "[::1]:8265", "shoal.localhost"]) {
    test(`${host} is this machine`, async () => {
      await using admin = await open();
      assert.equal((await admin.ask("GET /api/serve/config", { ...bearer, host })).status, 200);
    });
  }

  for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8265", "10.0.0.1"]) {
    test(`${host} is refused, with the token too`, async () => {
      await using admin = await open();
      const response = await admin.ask("GET /api/serve/config", { ...bearer, host });
      assert.equal(response.status, 403);
      assert.match(response.body.toString(), /Cannot use the admin listener under the name/);
    });
  }
});

test("a URL that cannot be read is told as anything else is", async () => {
  await using admin = await open();
  for (const name of ["%zz", "n".repeat(600)]) {
    const answer = await admin.ask(`GET /api/v1/applications/${name}/deployments/digits/scaling`);
    assert.equal(answer.status, 400);
    const { error, code } = JSON.parse(answer.body.toString()) as { error: string; code: string };
    assert.equal(code, "INVALID_ARGUMENT");
    assert.match(error, /^Cannot read the URL \/api\/v1\/applications\/(%zz|n+)/);
  }
});

test("status is in the shape of Ray Serve's", async () => {
  await using admin = await open();
  const status = JSON.parse(
    (await admin.ask("GET /api/serve/applications/", bearer)).body.toString(),
  ) as ServeStatusView;
  assert.equal(status.pid, process.pid);
  assert.deepEqual(Object.keys(status.applications), ["digits"]);
  const application = status.applications["digits"];
  assert.equal(application?.route_prefix, "/digits");
  assert.equal(application.status, "DEPLOYING");
  const { at, ...release } = application.release ?? { at: "" };
  assert(!Number.isNaN(Date.parse(at)), at);
  assert.deepEqual(release, {
    application: "digits",
    release: 1,
    author: "test",
    source: "test",
    outcome: "deploying",
    reason: "",
    rollback: null,
  });
  const { replicas, versions, ...deployment } = application.deployments["digits"] ?? { replicas: [] };
  assert.deepEqual([versions?.serving, typeof versions?.wanted], [null, "string"]);
  assert.deepEqual(deployment, {
    name: "digits",
    status: "UPDATING",
    status_trigger: "CONFIG_UPDATE_STARTED",
    message: "0 of 1 replicas run",
    target_num_replicas: 1,
    scaling_fault: null,
    queued_requests: 0,
    open_requests: 0,
    log_lines: [],
  });
  assert.equal(replicas[0]?.replica_id, "digits#0");
});

test("the config comes back as a file would have it", async () => {
  await using admin = await open();
  const text = (await admin.ask("GET /api/serve/config", bearer)).body.toString();
  const again = decodeConfig(text, { file: "/srv/shoal.json" });
  assert(again.kind === "ok", text);
  const first = decodeConfig(CONFIG, { file: "/srv/shoal.yaml" });
  assert(first.kind === "ok");
  assert.deepEqual(again.value, first.value);
});

test("shutdown is answered before it begins, whatever body comes with it", async () => {
  await using admin = await open();
  const json = { ...bearer, "content-type": "application/json" };
  assert.equal((await admin.ask("POST /api/serve/shutdown", json)).status, 200);
  const response = await admin.ask("POST /api/serve/shutdown", json, "{nonsense");
  assert.equal(response.status, 200);
  assert.deepEqual(JSON.parse(response.body.toString()), { message: "shutting down" });
  await until(() => admin.shutdowns === 2);
});

describe("nodes", () => {
  test("are listed, drained and used again; one that is not there is NOT_FOUND", async () => {
    await using admin = await open();
    const ask = async (line: string): Promise<unknown> => {
      const { status, body } = await admin.ask(line, bearer);
      const answer = JSON.parse(body.toString());
      return [status, answer.code ?? (answer.nodes?.[0] ?? answer).state];
    };
    const node = "/api/serve/nodes/node-1/drain";
    assert.deepEqual(await ask("GET /api/serve/nodes"), [200, "ALIVE"]);
    // A replica that fails to start may be there yet.
    assert.match(String(await ask(`POST ${node}`)), /^200,DRAIN(ING|ED)$/);
    assert.match(String(await ask("GET /api/serve/nodes")), /^200,DRAIN(ING|ED)$/);
    assert.deepEqual(await ask(`DELETE ${node}`), [200, "ALIVE"]);
    assert.deepEqual(await ask("POST /api/serve/nodes/nowhere/drain"), [404, "NOT_FOUND"]);
  });
});
