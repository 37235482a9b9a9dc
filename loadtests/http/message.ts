// Lays out one HTTP/1.1 request as it goes on the wire, so that sending it is a single write.

export interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array | string;
}

/** The bytes of a request; Host and, with a body, Content-Length are added. */
export function encodeRequest({ method, path, headers = {}, body }: RequestParts): Buffer {
  const content = body === undefined ? undefined : Buffer.from(body);
  const all = {
    host: "127.0.0.1",
    ...headers,
    ...(content === undefined ? {} : { "content-length": content.byteLength }),
  };
  const lines = Object.entries(all).map(([name, text]) => `${name}: ${text}\r\n`);
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  return content === undefined ? head : Buffer.concat([head, content]);
}
