// What is told of a request that Node's parser gave up. That it does, and where, is told by real requests (bad-input).

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { answerClientError } from "../../../gateway/http/client-errors.ts";
import { RawConnection } from "../../support/raw-http.ts";

for (const [code, status, retry, after] of [
  ["HPE_HEADER_OVERFLOW", 431, "false", undefined],
  ["ERR_HTTP_REQUEST_TIMEOUT", 408, "true", "1"],
  ["HPE_INVALID_CONSTANT", 400, "false", undefined],
] as const) {
  test(`${code} is ${status}, to be tried again: ${retry}`, async () => {
    const server = createServer((socket: Socket) =>
      answerClientError(Object.assign(new Error("no"), { code }), socket),
    ).listen(0, "127.0.0.1");
    await once(server, "listening");
    using connection = await RawConnection.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const response = await connection.response();
    server.close();
    assert.equal(response.status, status);
    assert.deepEqual([response.headers["x-should-retry"], response.headers["retry-after"]], [retry, after]);
    const { error } = JSON.parse(response.body.toString()) as { error: string };
    assert.match(error, /^Cannot read the request: /);
  });
}
