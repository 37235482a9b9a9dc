// Several gateway processes on one port: started with their routes, replaced when they die, ended together.
//
// 1. A process opens its door only when it has the routes, so no request finds it without them.
// 2. One that dies loses its own open requests and nobody else's; another takes its place.
// 3. One that tells nothing for long is hung: it is killed, so that nobody waits for it.
// 4. They are detached: they serve on when this process ends, and another controller takes them over.

import type { Controller, HttpOptions } from "../../controller/index.ts";
import { type Clock, messageOf } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import type { ActorStatus, Runtime } from "../../runtime/core/index.ts";
import { tryPort } from "../listening.ts";
import { type FoundGateway, findGateways } from "./found-gateways.ts";
import { GATEWAY_MODULE, GATEWAYS, type GatewayModule } from "./module.ts";
import { type GatewayHandle, RemotePort } from "./remote-port.ts";
import { SharedStatistics } from "./shared-statistics.ts";
import { watchSilence } from "./silence-watch.ts";

export interface GatewaysOptions {
  readonly http: HttpOptions;
  readonly controller: Controller;
  readonly logLevel: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** A process that tells nothing for so long is hung; 10,000 by default, several times what it may be busy with one thing. */
  readonly longestSilenceMs?: number | undefined;
  /** Those that another controller left, as `find` found them: they serve already. */
  readonly found?: readonly FoundGateway[] | undefined;
}

interface Gateway {
  readonly handle: GatewayHandle;
  readonly port: RemotePort;
  readonly pid: number | undefined;
  readonly startedMs: number;
  /** Until another takes its place, should it end soon. */
  readonly waitMs: number;
}

/** A gateway that dies again and again is started again ever more slowly. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
const LONGEST_SILENCE_MS = 10_000;
/** How old what a process says of the others may be. */
const SHARE_INTERVAL_MS = 500;
/** One that has lived for so long was well. */
const WELL_AFTER_MS = 30_000;

export class Gateways {
  readonly #options: GatewaysOptions;
  readonly #runtime: Runtime;
  /** None is replaced any more. */
  readonly #ending = new AbortController();
  readonly #ended = new AbortController();
  /** Those that serve. */
  readonly #gateways = new Set<Gateway>();
  /** Told of routes already, and not serving yet: changes wait for these as well. */
  readonly #beginning = new Set<Gateway>();
  /** Never reject. */
  readonly #replacing = new Set<Promise<void>>();
  readonly #statistics = new SharedStatistics();
  /** Numbers are not used again. */
  #nextName = 0;
  #port: number;
  #url = "";
  #closed: Promise<void> | undefined;

  private constructor(options: GatewaysOptions) {
    this.#options = options;
    this.#runtime = options.controller.runtime;
    this.#port = options.http.port;
  }

  /** Resolves when all of them listen. Rejects with the system's error when they cannot, such as EADDRINUSE. */
  static async start(options: GatewaysOptions): Promise<Gateways> {
    const { http } = options;
    const gateways = new Gateways(options);
    if (options.found !== undefined) {
      gateways.#takeOver(options.found);
      return gateways;
    }
    await tryPort(http); // a port that is shared can be shared by mistake: somebody else must not have it
    void gateways.#watch();
    try {
      // The first one finds the port when it is the system's to pick.
      await gateways.#begin();
      await Promise.all(Array.from({ length: http.processes - 1 }, () => gateways.#begin()));
    } catch (thrown) {
      gateways.#ended.abort();
      throw thrown;
    }
    void gateways.#share();
    return gateways;
  }

  /** Those that another controller left, for `start`. */
  static find(
    runtime: Runtime,
    { log, longestSilenceMs }: Pick<GatewaysOptions, "log" | "longestSilenceMs">,
  ): Promise<readonly FoundGateway[]> {
    return findGateways(runtime, { log, patienceMs: longestSilenceMs ?? LONGEST_SILENCE_MS });
  }

  get url(): string {
    return this.#url;
  }

  /** Of the processes that serve. */
  get pids(): readonly number[] {
    return [...this.#gateways].flatMap(({ pid }) => pid ?? []);
  }

  /** New requests are refused from now on. */
  refuse(): void {
    this.#ending.abort();
    for (const { handle } of this.#gateways) handle.refuse();
  }

  /** Lets the last answers out, at most for `graceMs`, then ends all. The same promise every time. */
  close(graceMs = 0): Promise<void> {
    this.refuse();
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  async #close(graceMs: number): Promise<void> {
    // One that begins just now would outlive the rest.
    await Promise.all(this.#replacing);
    await Promise.all([...this.#gateways].map((gateway) => this.#end(gateway, graceMs)));
    this.#ended.abort();
  }

  /** Never rejects: one that dies meanwhile has ended. */
  async #end({ handle, port }: Gateway, graceMs: number): Promise<void> {
    await this.#runtime.get(handle.close(graceMs)).catch(() => undefined);
    this.#options.controller.detach(port);
    await this.#runtime.stop(handle, { graceMs: 0 }).catch(() => undefined);
  }

  /** Invariant 4: nobody waits for one that is slow to take its routes; those that are missing are begun. */
  #takeOver(found: readonly FoundGateway[]): void {
    const { controller, clock, http, log } = this.#options;
    const attached = found.map(async ({ name, handle, pid, door, past }) => {
      this.#nextName = Math.max(this.#nextName, 1 + Number(name.slice(name.lastIndexOf("#") + 1)));
      this.#port = door.port;
      this.#url = door.url;
      this.#statistics.recall(past);
      const port = new RemotePort(handle, { runtime: this.#runtime, clock });
      const gateway = { handle, port, pid, startedMs: clock.nowMs(), waitMs: FIRST_WAIT_MS };
      this.#gateways.add(gateway);
      this.#runtime.watchActor(handle, { onStatus: (status) => this.#onStatus(gateway, status) });
      void port.listen(controller);
      await controller.attach(port);
    });
    void Promise.allSettled(attached).then(() => controller.attached());
    log.info(`took over ${found.length} of ${http.processes} gateway processes`);
    for (let missing = http.processes - found.length; missing > 0; missing--) this.#replaceSoon(0);
    void this.#watch();
    void this.#share();
  }

  /** One more; rejects when it cannot be started. */
  async #begin(waitMs = FIRST_WAIT_MS): Promise<void> {
    const { controller, http, logLevel, clock } = this.#options;
    const { GatewayProcess } = this.#runtime.actors<GatewayModule>(GATEWAY_MODULE);
    const startedMs = clock.nowMs();
    let pid: number | undefined;
    let gateway: Gateway | undefined;
    const handle = await GatewayProcess.options({
      name: `gateway#${this.#nextName++}`,
      namespace: GATEWAYS,
      lifetime: "detached",
      numCpus: 0,
      essential: true,
      signal: this.#ending.signal,
      onStatus: (status) => {
        pid = status.pid ?? pid;
        if (gateway !== undefined) this.#onStatus(gateway, status);
      },
    }).create({ http, logLevel, gateways: http.processes });
    const port = new RemotePort(handle, { runtime: this.#runtime, clock });
    const begun = { handle, port, pid, startedMs, waitMs };
    gateway = begun;
    this.#beginning.add(begun);
    void port.listen(controller);
    try {
      await controller.attach(port);
      const listening = await this.#runtime.get(handle.listen(this.#port)); // invariant 1
      this.#port = listening.port;
      this.#url = listening.url;
      this.#ending.signal.throwIfAborted();
      this.#gateways.add(begun);
    } catch (thrown) {
      await this.#runtime.stop(handle, { graceMs: 0 });
      throw thrown;
    } finally {
      this.#beginning.delete(begun);
    }
  }

  #onStatus(gateway: Gateway, { state, reason }: ActorStatus): void {
    if (state !== "DEAD") return;
    const { controller, clock, log } = this.#options;
    this.#statistics.ended(gateway.port);
    controller.detach(gateway.port);
    // One that never served is not replaced: whoever began it is told.
    if (!this.#gateways.delete(gateway) || this.#ending.signal.aborted) return;
    log.warn({ gateway: gateway.pid }, `a gateway process ended, another takes its place: ${reason}`);
    const lived = clock.nowMs() - gateway.startedMs;
    this.#replaceSoon(lived > WELL_AFTER_MS ? FIRST_WAIT_MS : gateway.waitMs); // invariant 2
  }

  #replaceSoon(waitMs: number): void {
    const replaced = this.#replace(waitMs);
    this.#replacing.add(replaced);
    void replaced.then(() => this.#replacing.delete(replaced));
  }

  /** Invariant 3, also while they begin and end. */
  async #watch(): Promise<void> {
    const { clock, log, longestSilenceMs = LONGEST_SILENCE_MS } = this.#options;
    const watch = {
      clock,
      longestSilenceMs,
      all: () => [...this.#gateways, ...this.#beginning],
      silentMs: ({ port }: Gateway) => port.silentMs,
      onSilent: async ({ handle, pid }: Gateway) => {
        log.warn(
          { gateway: pid },
          `a gateway process has told nothing for ${longestSilenceMs} ms: it is killed`,
        );
        await this.#runtime.kill(handle);
      },
    };
    await watchSilence(watch, this.#ended.signal);
  }

  /** Tells each what the others have counted. */
  async #share(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await this.#options.clock.sleep(SHARE_INTERVAL_MS, signal).catch(() => undefined);
      const ports = [...this.#gateways].map(({ port }) => port);
      const { past } = this.#statistics;
      for (const port of ports) port.countedElsewhere(this.#statistics.elsewhere(port, ports), past);
    }
  }

  /** Until there is one, or the server ends. */
  async #replace(firstWaitMs: number): Promise<void> {
    for (let waitMs = firstWaitMs; ; ) {
      try {
        await this.#options.clock.sleep(waitMs, this.#ending.signal);
        waitMs = Math.min(Math.max(2 * waitMs, FIRST_WAIT_MS), LONGEST_WAIT_MS);
        await this.#begin(waitMs);
        return;
      } catch (thrown) {
        if (this.#ending.signal.aborted) return;
        this.#options.log.warn(`a gateway process cannot be started: ${messageOf(thrown)}`);
      }
    }
  }
}
