// A closed loop of HTTP/1.1 requests over raw sockets, as cheap as Node allows, because the generator shares
// the cores with what it measures: requests are made once beforehand, responses are only counted and timed.
//
// 1. Each connection has one request under way; it sends the next when the whole answer is there.
// 2. A completion is measured when it comes after the warm-up and, with a duration, before the end; there is
//    no pause between, so the server is never seen idle at the edges.
// 3. With a request count, exactly that many completions are measured.
// 4. A request whose connection broke is counted as failed, never silently sent again.

import { type AddressInfo, connect, type Socket } from "node:net";
import { Histogram, type LatencySummary } from "./histogram.ts";
import { ResponseReader } from "./response-reader.ts";

/** Where to connect to. */
export type LoadTarget = Pick<AddressInfo, "port"> & { readonly host: string };

/** How much to measure and what to let pass before. */
export type LoadAmount =
  | { readonly durationMs: number; readonly warmUpMs: number }
  | { readonly requests: number; readonly warmUpRequests: number };

export interface LoadOptions {
  readonly target: LoadTarget;
  /** Whole requests as they go on the wire, taken in turn. */
  readonly messages: readonly Uint8Array[];
  readonly connections: number;
  readonly amount: LoadAmount;
}

/** What was measured; plain data, it crosses processes. */
export interface LoadReport {
  readonly completed: number;
  readonly elapsedMs: number;
  readonly requestsPerSecond: number;
  /** Completions by status code. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests whose connection broke, during the warm-up too. */
  readonly failed: number;
  readonly latency: LatencySummary;
  /** CPU time that the generator's process took while measuring. */
  readonly cpuMs: number;
  readonly cpuMicrosPerRequest: number;
}

const READ_BUFFER_BYTES = 65_536;
/** More requests lost than this, or connections refused in a row, end the load: the server is not there. */
const MAX_FAILED = 1000;
const MAX_REFUSED = 20;

interface Connection {
  socket: Socket;
  reader: ResponseReader;
  sentAtMs: number;
  /** A request is under way. */
  waiting: boolean;
}

/** Puts the load on the target and resolves with what was measured. Rejects when the server cannot be reached. */
export function runLoad(options: LoadOptions, signal?: AbortSignal): Promise<LoadReport> {
  return new Load(options).run(signal);
}

class Load {
  readonly #options: LoadOptions;
  readonly #histogram = new Histogram();
  readonly #statuses = new Map<number, number>();
  readonly #connections = new Set<Connection>();
  readonly #done = Promise.withResolvers<LoadReport>();
  /** Limits on the loop: of requests to send and of the wall time; the one not asked for is infinite. */
  readonly #maxSent: number;
  #endMs = Number.POSITIVE_INFINITY;
  #startMs = 0;
  #measuring = false;
  #over = false;
  #sent = 0;
  #completed = 0;
  #failed = 0;
  #refused = 0;
  #lastMs = 0;
  #cpu = process.cpuUsage();

  constructor(options: LoadOptions) {
    this.#options = options;
    const { amount } = options;
    this.#maxSent = "requests" in amount ? amount.requests + amount.warmUpRequests : Number.POSITIVE_INFINITY;
  }

  async run(signal?: AbortSignal): Promise<LoadReport> {
    const onAbort = (): void => this.#fail(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      this.#startMs = performance.now();
      const { amount } = this.#options;
      if ("requests" in amount && amount.warmUpRequests === 0) this.#beginMeasuring(this.#startMs);
      for (let index = 0; index < this.#options.connections; index++) this.#open();
      return await this.#done.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#over = true;
      for (const { socket } of this.#connections) socket.destroy();
    }
  }

  #open(): void {
    const { host, port } = this.#options.target;
    const connection: Connection = {
      reader: new ResponseReader((status, keepAlive) => this.#onResponse(connection, status, keepAlive)),
      // A socket with `onread` reads into one buffer for its whole life instead of a new one each time.
      socket: connect({
        host,
        port,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
          callback: (length, buffer) => {
            try {
              connection.reader.push(buffer, length);
            } catch (error) {
              this.#fail(error);
            }
            return true;
          },
        },
      }),
      sentAtMs: 0,
      waiting: false,
    };
    this.#connections.add(connection);
    let cause: Error | undefined;
    connection.socket.on("connect", () => {
      this.#refused = 0;
      this.#send(connection);
    });
    connection.socket.on("error", (error) => {
      cause = error;
    });
    connection.socket.on("close", () => this.#onClose(connection, cause));
  }

  /** Invariant 1: sends when there is more to send. */
  #send(connection: Connection): void {
    if (this.#sent >= this.#maxSent || this.#over) return;
    const { messages } = this.#options;
    const message = messages[this.#sent % messages.length];
    this.#sent++;
    connection.waiting = true;
    connection.sentAtMs = performance.now();
    if (message !== undefined) connection.socket.write(message);
  }

  #onResponse(connection: Connection, status: number, keepAlive: boolean): void {
    const nowMs = performance.now();
    connection.waiting = false;
    this.#count(nowMs, nowMs - connection.sentAtMs, status);
    if (this.#over) return;
    if (keepAlive) this.#send(connection);
    else connection.socket.end();
  }

  /** Invariants 2 and 3: decides whether a completion is measured, and whether it was the last. */
  #count(nowMs: number, latencyMs: number, status: number): void {
    const { amount } = this.#options;
    if (this.#over) return;
    if (!this.#measuring) {
      this.#completed++;
      const warm =
        "requests" in amount
          ? this.#completed >= amount.warmUpRequests
          : nowMs - this.#startMs >= amount.warmUpMs;
      if (warm) this.#beginMeasuring(nowMs);
      return;
    }
    if (nowMs > this.#endMs) {
      this.#finish(this.#endMs);
      return;
    }
    this.#completed++;
    this.#lastMs = nowMs;
    this.#histogram.record(latencyMs);
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if ("requests" in amount && this.#completed + this.#failed >= amount.requests) this.#finish(nowMs);
  }

  #beginMeasuring(nowMs: number): void {
    const { amount } = this.#options;
    this.#measuring = true;
    this.#completed = 0;
    this.#startMs = nowMs;
    if ("durationMs" in amount) this.#endMs = nowMs + amount.durationMs;
    this.#cpu = process.cpuUsage();
  }

  /** Invariant 4. A connection that the server closed between requests is opened again. */
  #onClose(connection: Connection, cause: Error | undefined): void {
    this.#connections.delete(connection);
    connection.reader.close();
    if (this.#over) return;
    if (connection.waiting) this.#failed++;
    else if (cause !== undefined) this.#refused++;
    const { amount, target } = this.#options;
    if (this.#failed > MAX_FAILED || this.#refused > MAX_REFUSED) {
      const what = `${this.#failed} requests were lost and ${this.#refused} connections refused`;
      this.#fail(new Error(`Cannot keep up the load on ${target.host}:${target.port}: ${what}`, { cause }));
    } else if ("requests" in amount && this.#measuring && this.#completed + this.#failed >= amount.requests) {
      this.#finish(performance.now());
    } else {
      this.#open();
    }
  }

  #fail(reason: unknown): void {
    this.#over = true;
    this.#done.reject(reason);
  }

  #finish(atMs: number): void {
    this.#over = true;
    const { user, system } = process.cpuUsage(this.#cpu);
    // With a duration the window is as asked; the edges are not those of the completions (invariant 2).
    const elapsedMs = Math.max(
      "durationMs" in this.#options.amount ? atMs - this.#startMs : this.#lastMs - this.#startMs,
      1e-3,
    );
    this.#done.resolve({
      completed: this.#completed,
      elapsedMs,
      requestsPerSecond: (this.#completed / elapsedMs) * 1000,
      statuses: Object.fromEntries(this.#statuses),
      failed: this.#failed,
      latency: this.#histogram.summary(),
      cpuMs: (user + system) / 1000,
      cpuMicrosPerRequest: this.#completed === 0 ? 0 : (user + system) / this.#completed,
    });
  }
}
