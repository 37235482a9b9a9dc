// A kind of request of a mix, and its bytes.
//
// 1. All but the id is laid out once; a small request is one string and so one write.

import { encodeRequest } from "../http/message.ts";

export interface RequestClass {
  /** In the report; "requests" by default. */
  readonly name?: string;
  /** With scheme http; https is not spoken. */
  readonly url: string;
  /** POST with a body, else GET. HEAD is not spoken. */
  readonly method?: string;
  /** Besides Host, Content-Length and x-request-id; tenant and priority are headers. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Share of the requests in proportion to the others' weights; 1 by default. */
  readonly weight?: number;
  /** From the intended send time to the end of the answer; the load's by default. */
  readonly timeoutMs?: number;
}

/** Up to this size head and body leave as one string. */
const MAX_STRING_BYTES = 16_384;

/** A request's bytes with room for the id: the whole as text, or a head with its body apart. */
export interface RequestTemplate {
  readonly beforeId: string;
  readonly afterId: string;
  readonly body: Uint8Array | undefined;
}

/** Lays out requests of a class, whose URL and headers have been checked. */
export function templateOf({ url, method, headers, body }: RequestClass): RequestTemplate {
  const { host, pathname, search } = new URL(url);
  const marker = "\0";
  const bytes = encodeRequest({
    method: method ?? (body === undefined ? "GET" : "POST"),
    path: pathname + search,
    headers: { ...headers, host, "x-request-id": marker },
    ...(body === undefined ? {} : { body }),
  });
  const at = bytes.indexOf(0);
  const small = bytes.byteLength <= MAX_STRING_BYTES;
  const headEnd = bytes.indexOf("\r\n\r\n", at, "latin1") + 4;
  return {
    beforeId: bytes.toString("latin1", 0, at),
    afterId: bytes.toString("latin1", at + 1, small ? bytes.byteLength : headEnd),
    body: small ? undefined : bytes.subarray(headEnd),
  };
}
