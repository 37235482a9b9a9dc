// Expect: 100-continue (RFC 9110, 10.1.1): a client that asks before it sends its body is told to when somebody is about to
// read it. One that is refused before sends nothing: curl asks with every body above a mebibyte.
//
// Any other expectation is left unheeded, as a server may.

import type { IncomingMessage, Server, ServerResponse } from "node:http";

const asking = new WeakMap<IncomingMessage, ServerResponse>();

/** Node would say yes to all, and answer other expectations by itself. */
export function heedExpectations(server: Server): void {
  const pass = (request: IncomingMessage, response: ServerResponse): void =>
    void server.emit("request", request, response);
  server.on("checkExpectation", pass);
  server.on("checkContinue", (request, response) => {
    asking.set(request, response);
    pass(request, response);
  });
}

/** Its body is wanted now. */
export function invite(request: IncomingMessage): void {
  if (request.headers.expect === undefined) return;
  const response = asking.get(request);
  asking.delete(request);
  if (response?.headersSent === false) response.writeContinue();
}
