// A server by hand over raw sockets: a test decides what each request gets, when, and how wrong.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

/** A whole request that came, and the connection it came on. */
export interface Received {
  readonly id: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly socket: Socket;
  /** From 0, on its connection. */
  readonly nth: number;
}

export class FarSide implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(onRequest: (request: Received, far: FarSide) => void) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true).on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
      let begun: Buffer = Buffer.alloc(0);
      let nth = 0;
      socket.on("data", (chunk: Buffer) => {
        begun = Buffer.concat([begun, chunk]);
        for (let read = readRequest(begun); read !== undefined; read = readRequest(begun)) {
          begun = begun.subarray(read.byteLength);
          const request = { ...read.request, socket, nth: nth++ };
          this.received.push(request);
          onRequest(request, this);
        }
      });
    });
  }

  static async listen(onRequest: (request: Received, far: FarSide) => void): Promise<FarSide> {
    const far = new FarSide(onRequest);
    far.#server.listen({ port: 0, host: "127.0.0.1", backlog: 2048 });
    await once(far.#server, "listening");
    return far;
  }

  get url(): string {
    const address = this.#server.address();
    assert.ok(typeof address === "object" && address !== null);
    return `http://127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** An answer's bytes; it names its request when `id` is given. */
export function answer(status: number, body = "", headers: Readonly<Record<string, string>> = {}): string {
  const all = { "content-length": String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, text]) => `${name}: ${text}\r\n`);
  return `HTTP/1.1 ${status} Status\r\n${lines.join("")}\r\n${body}`;
}

/** An address where nobody listens. */
export async function nobody(): Promise<string> {
  await using far = await FarSide.listen(() => undefined);
  return far.url;
}

function readRequest(
  bytes: Buffer,
): { request: Omit<Received, "socket" | "nth">; byteLength: number } | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [line = "", ...lines] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((text) => [
      text.slice(0, text.indexOf(":")).toLowerCase(),
      text.slice(text.indexOf(":") + 1).trim(),
    ]),
  );
  const byteLength = headEnd + 4 + Number(headers["content-length"] ?? 0);
  if (bytes.length < byteLength) return undefined;
  const body = Buffer.from(bytes.subarray(headEnd + 4, byteLength));
  return {
    request: { id: headers["x-request-id"] ?? "", path: line.split(" ")[1] ?? "", headers, body },
    byteLength,
  };
}
