// An open loop: requests go out when the plan says, whatever has become of the earlier ones.
//
// 1. The load ends when every request that was sent has its outcome.
// 2. A stop ends the sending, not the accounting: requests under way are waited for.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { seededRandom } from "../models/random.ts";
import { plannedTimes } from "./arrivals/plan.ts";
import { Flights, type FlightTarget } from "./flights.ts";
import { checkOptions, nameOf, type OpenLoopOptions } from "./options.ts";
import { Pacer } from "./pacer.ts";
import { Pool } from "./pool.ts";
import { latencyReport, type OpenLoopReport } from "./report.ts";
import { templateOf } from "./request-class.ts";
import { Tally } from "./tally.ts";
import { Timeline } from "./timeline.ts";
import { warningsOf } from "./warnings.ts";

const DEFAULT_SEED = 1;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_CONNECTIONS = 4096;
const DEFAULT_IDLE_MS = 3000;
const DEFAULT_BACKOFF_MS = 100;
/** Added to the seed for what is no arrival. */
const CLASS_STREAM = 0x9e3779b9;
const RETRY_STREAM = 0x85ebca6b;

/**
 * Puts the load on and resolves when every request has its outcome. `signal` stops the sending; the report then says
 * `interrupted`. Rejects on bad options, an unknown host, and with what a listener throws.
 */
export async function runOpenLoop(options: OpenLoopOptions, signal?: AbortSignal): Promise<OpenLoopReport> {
  checkOptions(options);
  const addresses = new Map<string, string>();
  for (const { url } of options.requests) {
    const { hostname } = new URL(url);
    addresses.set(hostname, await addressOf(hostname));
  }
  using load = new OpenLoop(options, addresses);
  return await load.run(signal);
}

async function addressOf(hostname: string): Promise<string> {
  const host = hostname.replace(/^\[|\]$/g, "");
  try {
    return (await lookup(host, { order: "ipv4first" })).address;
  } catch (error) {
    throw new Error(`Cannot find host "${host}": wanted a name that can be looked up`, { cause: error });
  }
}

class OpenLoop implements Disposable {
  readonly #options: OpenLoopOptions;
  readonly #seed: number;
  readonly #tally: Tally;
  readonly #timeline: Timeline;
  readonly #flights: Flights;
  readonly #pools = new Map<string, Pool>();
  readonly #targets: readonly FlightTarget[];
  readonly #pick: () => FlightTarget;
  readonly #pacer: Pacer;
  readonly #done = Promise.withResolvers<void>();
  #state: "sending" | "waiting" = "sending";
  #lastMs = 0;

  constructor(options: OpenLoopOptions, addresses: ReadonlyMap<string, string>) {
    this.#options = options;
    const { seed = DEFAULT_SEED, sloMs, durationMs = Infinity, maxRequests = Infinity } = options;
    this.#seed = seed;
    this.#tally = new Tally(sloMs);
    this.#timeline = new Timeline(sloMs, this.#guarded(options.onSecond));
    this.#flights = new Flights({
      idPrefix: options.idPrefix ?? randomBytes(4).toString("hex"),
      retries: options.retries ?? 0,
      retryBackoffMs: options.retryBackoffMs ?? DEFAULT_BACKOFF_MS,
      random: seededRandom(seed + RETRY_STREAM),
      tally: this.#tally,
      timeline: this.#timeline,
      onSettled: this.#guarded(options.onSettled),
      onLanded: () => this.#endWhenLanded(),
    });
    this.#targets = options.requests.map((request) => this.#targetOf(request, addresses));
    this.#pick = picker(
      this.#targets,
      options.requests.map(({ weight = 1 }) => weight),
      seed + CLASS_STREAM,
    );
    this.#pacer = new Pacer({
      times: firstOf(plannedTimes(options.arrivals, seed, durationMs), maxRequests),
      pacing: options.pacing ?? "timer",
      onDue: (timeMs, intendedMs) => {
        this.#lastMs = timeMs;
        this.#flights.send(this.#pick(), timeMs, intendedMs);
      },
      onEnd: () => {
        this.#state = "waiting";
        this.#endWhenLanded();
      },
    });
  }

  async run(signal?: AbortSignal): Promise<OpenLoopReport> {
    const startedAt = new Date().toISOString();
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    let interrupted = false;
    const onAbort = (): void => {
      interrupted = this.#pacer.stop(); // invariant 2
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      if (signal?.aborted === true) {
        interrupted = true;
        this.#done.resolve();
      } else this.#pacer.start();
      await this.#done.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    const elapsedMs = performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpu);
    // Closing may still show half of a second answer.
    for (const pool of this.#pools.values()) pool[Symbol.dispose]();
    return this.#report({ startedAt, elapsedMs, cpuMs: (user + system) / 1000, interrupted });
  }

  [Symbol.dispose](): void {
    this.#pacer[Symbol.dispose]();
    this.#flights[Symbol.dispose]();
    for (const pool of this.#pools.values()) pool[Symbol.dispose]();
  }

  #targetOf(
    request: OpenLoopOptions["requests"][number],
    addresses: ReadonlyMap<string, string>,
  ): FlightTarget {
    const {
      maxConnections = DEFAULT_CONNECTIONS,
      maxIdleMs = DEFAULT_IDLE_MS,
      timeoutMs,
      sloMs,
    } = this.#options;
    const { host, hostname, port } = new URL(request.url);
    let pool = this.#pools.get(host);
    if (pool === undefined) {
      const address = { host: addresses.get(hostname) ?? hostname, port: Number(port || 80) };
      pool = new Pool({ address, maxConnections, maxIdleMs }, this.#flights.poolEvents());
      this.#pools.set(host, pool);
    }
    return {
      name: nameOf(request),
      pool,
      template: templateOf(request),
      timeoutMs: request.timeoutMs ?? timeoutMs ?? DEFAULT_TIMEOUT_MS,
      tally: new Tally(sloMs),
    };
  }

  /** Invariant 1. */
  #endWhenLanded(): void {
    if (this.#state === "waiting" && this.#flights.open === 0) this.#done.resolve();
  }

  /** What a listener throws ends the load, not the process. */
  #guarded<T>(listener: ((value: T) => void) | undefined): ((value: T) => void) | undefined {
    if (listener === undefined) return undefined;
    return (value) => {
      try {
        listener(value);
      } catch (error) {
        this.#done.reject(error);
      }
    };
  }

  #report(
    measured: Pick<OpenLoopReport, "startedAt" | "elapsedMs" | "cpuMs" | "interrupted">,
  ): OpenLoopReport {
    assert.equal(this.#tally.open, 0, "a request has no outcome"); // invariant 1
    const total = this.#tally.report();
    const windowMs = this.#windowMs(measured.interrupted);
    const perSecond = (count: number): number => (windowMs === 0 ? 0 : (count / windowMs) * 1000);
    const pools = [...this.#pools.values()].map(({ figures }) => figures);
    const { attempts, lag, delay } = this.#flights;
    const report = {
      ...total,
      ...measured,
      seed: this.#seed,
      windowMs,
      sentPerSecond: perSecond(total.sent),
      okPerSecond: perSecond(total.ok),
      attempts,
      lag: latencyReport(lag),
      connections: {
        opened: pools.reduce((sum, { opened }) => sum + opened, 0),
        peak: pools.reduce((sum, { peak }) => sum + peak, 0),
        delayed: delay.count,
        delay: latencyReport(delay),
      },
      classes: Object.fromEntries(this.#targets.map(({ name, tally }) => [name, tally.report()])),
      timeline: this.#timeline.rows(),
      cpuMicrosPerAttempt: attempts === 0 ? 0 : (measured.cpuMs * 1000) / attempts,
    };
    const { pacing = "timer", maxConnections = DEFAULT_CONNECTIONS } = this.#options;
    return { ...report, warnings: warningsOf(report, { pacing, maxConnections }) };
  }

  /** As long as asked, when nothing else ended the load. */
  #windowMs(interrupted: boolean): number {
    const { durationMs, maxRequests, arrivals } = this.#options;
    const endedEarly = interrupted || arrivals.kind === "times" || this.#flights.sent === maxRequests;
    return durationMs === undefined || endedEarly ? this.#lastMs : durationMs;
  }
}

/** Draws a target in proportion to the weights. */
function picker(
  targets: readonly FlightTarget[],
  weights: readonly number[],
  seed: number,
): () => FlightTarget {
  const random = seededRandom(seed);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return () => {
    let left = random.uniform() * total;
    const found = targets.find((_, index) => (left -= weights[index] ?? 0) < 0);
    // Rounding may leave a crumb behind the last.
    const target = found ?? targets.findLast((_, index) => (weights[index] ?? 0) > 0);
    assert(target !== undefined);
    return target;
  };
}

function* firstOf(times: Iterator<number, void>, count: number): Generator<number, void> {
  for (let taken = 0; taken < count; taken++) {
    const next = times.next();
    if (next.done === true) return;
    yield next.value;
  }
}
