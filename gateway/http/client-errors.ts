// What Node's parser refuses, before there is a request: answered as every other refusal is, and the connection is closed.

import { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ERROR_CODES, type ErrorCode } from "../../runtime/base/index.ts";

interface Refusal {
  readonly status: string;
  readonly code: ErrorCode;
  readonly message: string;
}

const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    status: "431 Request Header Fields Too Large",
    code: "INVALID_ARGUMENT",
    message: "its headers are larger than max_header_bytes",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: "408 Request Timeout",
    code: "REQUEST_TIMEOUT",
    message: "it did not arrive in time",
  },
};
const NO_HTTP: Refusal = {
  status: "400 Bad Request",
  code: "INVALID_ARGUMENT",
  message: "it is not valid HTTP/1.1",
};

export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // An answer that is under way on this connection would have this one in its middle; only Node knows it.
  const underWay: unknown = Reflect.get(socket, "_httpMessage");
  const begun = underWay instanceof ServerResponse && underWay.headersSent;
  if (error.code === "ECONNRESET" || !socket.writable || begun) {
    socket.destroy();
    return;
  }
  const { status, code, message } = REFUSALS[error.code ?? ""] ?? NO_HTTP;
  const body = JSON.stringify({ error: `Cannot read the request: ${message}`, code });
  const headers = [
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `x-should-retry: ${ERROR_CODES[code].retry !== "never"}`,
    ...(ERROR_CODES[code].retry === "later" ? ["Retry-After: 1"] : []),
    "Connection: close",
  ];
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join("\r\n")}\r\n\r\n${body}`);
}
