// HTTP/1.1 by hand over a socket, for requests that no client library would send, and for what comes after them
// on the same connection.

import { connect, type Socket } from "node:net";

export interface RawResponse {
  readonly status: number;
  /** Names in lower case; a header that came several times is joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: Buffer;
}

export class RawConnection implements Disposable {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  readonly #awaited = new Set<() => void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#look();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#look();
    });
    // A connection that the server cuts shows as its end.
    socket.on("error", () => undefined);
  }

  static open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new RawConnection(socket)));
    });
  }

  /** The other side has closed the connection, or cut it. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Writes bytes as they are; resolves when the system has taken them, or the connection is gone. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      // A turn of the loop each: a server in the same process must get to read what a loop here writes.
      const done = (): unknown => setImmediate(resolve);
      if (this.#socket.destroyed) done();
      else this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, done);
    });
  }

  /** Writes a request whole: its first line, headers and body, with a Content-Length unless told otherwise. */
  request(
    line: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string | Uint8Array,
  ): Promise<void> {
    const bytes = body === undefined ? undefined : Buffer.from(body as string);
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const sized = names.includes("content-length") || names.includes("transfer-encoding");
    const all: Record<string, string> = { host: "shoal.test", ...headers };
    if (bytes !== undefined && !sized) all["content-length"] = String(bytes.byteLength);
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    const start = Buffer.from(`${line} HTTP/1.1\r\n${head.join("")}\r\n`, "latin1");
    return this.write(bytes === undefined ? start : Buffer.concat([start, bytes]));
  }

  /** The next answer; rejects when the connection ends before it is whole. `toHead` when none has a body. */
  async response(toHead = false): Promise<RawResponse> {
    const end = await this.#until(() => {
      const at = this.#received.indexOf("\r\n\r\n");
      return at === -1 ? undefined : at + 4;
    });
    const [line = "", ...lines] = this.#take(end).toString("latin1").trimEnd().split("\r\n");
    const status = Number(line.split(" ")[1]);
    const headers: Record<string, string> = {};
    const setCookies: string[] = [];
    for (const one of lines) {
      const colon = one.indexOf(":");
      const name = one.slice(0, colon).toLowerCase();
      const value = one.slice(colon + 1).trim();
      if (name === "set-cookie") setCookies.push(value);
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    if (status === 100) return this.response(toHead);
    const empty = toHead || status === 204 || status === 304;
    return { status, headers, setCookies, body: empty ? Buffer.alloc(0) : await this.#body(headers) };
  }

  /** The next bytes that came, at least one; empty when the connection ended. */
  async chunk(): Promise<Buffer> {
    const size = await this.#until(
      () => (this.#received.byteLength > 0 ? this.#received.byteLength : undefined),
      () => 0,
    );
    return this.#take(size);
  }

  /** Resolves when the other side has closed the connection, with what it sent before. */
  async ended(): Promise<Buffer> {
    await this.#until(
      () => undefined,
      () => 0,
    );
    return this.#received;
  }

  /** Ends the connection at once, as a client that crashes does. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #body(headers: Readonly<Record<string, string>>): Promise<Buffer> {
    if (headers["transfer-encoding"] === "chunked") return this.#chunkedBody();
    const size = Number(headers["content-length"] ?? 0);
    await this.#until(() => (this.#received.byteLength >= size ? size : undefined));
    return this.#take(size);
  }

  async #chunkedBody(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const lineEnd = await this.#until(() => {
        const at = this.#received.indexOf("\r\n");
        return at === -1 ? undefined : at + 2;
      });
      const size = Number.parseInt(this.#take(lineEnd).toString("latin1"), 16);
      await this.#until(() => (this.#received.byteLength >= size + 2 ? size : undefined));
      parts.push(this.#take(size));
      this.#take(2);
      if (size === 0) return Buffer.concat(parts);
    }
  }

  #take(size: number): Buffer {
    const taken = this.#received.subarray(0, size);
    this.#received = this.#received.subarray(size);
    return taken;
  }

  #until(look: () => number | undefined, atEnd?: () => number): Promise<number> {
    return new Promise((resolve, reject) => {
      const again = (): void => {
        const found = look() ?? (this.#ended ? atEnd?.() : undefined);
        if (found === undefined && !this.#ended) return;
        this.#awaited.delete(again);
        if (found !== undefined) resolve(found);
        else
          reject(
            new Error(`The connection ended behind ${JSON.stringify(this.#received.toString("latin1"))}`),
          );
      };
      this.#awaited.add(again);
      again();
    });
  }

  #look(): void {
    for (const look of this.#awaited) look();
  }
}
