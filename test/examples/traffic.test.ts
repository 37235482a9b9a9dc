// The traffic example as its README runs it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { ServeStatusView } from "../../gateway/admin/status.ts";
import { eventually } from "../support/eventually.ts";
import { start } from "../support/serve.ts";

const examples = join(import.meta.dirname, "../../examples");

test("three versions of digits: testers meet the canary, sessions stay, the shadow agrees", async () => {
  await using server = await start(join(examples, "traffic/shoal.yaml"));
  const image = await readFile(join(examples, "digits/samples/3.json"));
  const ask = (headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${server.url}/digits`, { method: "POST", body: image, headers });

  const first = await ask();
  assert.match(await first.text(), /"label":\[3\]/);
  const [cookie = ""] = first.headers.getSetCookie();
  assert.match(cookie, /^digits-session=/);
  const same = await ask({ cookie: cookie.split(";")[0] ?? "" });
  assert.match(await same.text(), /"label":\[3\]/);
  assert.equal(same.headers.get("x-shoal-deployment"), first.headers.get("x-shoal-deployment"));
  const beta = await ask({ "x-beta": "1" });
  assert.match(await beta.text(), /"label":\[3\]/);
  assert.equal(beta.headers.get("x-shoal-deployment"), "digits-2");
  const model = (await (await fetch(`${server.url}/v2/models/digits`)).json()) as { versions: unknown };
  assert.deepEqual(model.versions, ["1", "2"]);

  const authorization = `Bearer ${server.adminToken}`;
  await eventually("a copy that was compared", async () => {
    await (await ask()).text();
    const response = await fetch(`${server.adminUrl}/api/serve/applications/`, {
      headers: { authorization },
    });
    const { applications } = (await response.json()) as ServeStatusView;
    const { versions = [], canary } = applications["digits"]?.traffic ?? {};
    assert.deepEqual(canary?.status, "STEPPING");
    const shadow = versions[2]?.shadow;
    assert.deepEqual([shadow?.different, shadow?.failed], [0, 0]);
    return (shadow?.same ?? 0) > 0 && versions[1]?.matched_requests === 1;
  });
});
