// Everything that is served: starts the deployments of a config, knows them by name and route, and drains them.
//
// 1. One deployment's failure touches only its own.

import { rm } from "node:fs/promises";
import { type Clock, systemClock } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import { type ResourceTotals, Runtime, type RuntimeOptions, type WorkerLine } from "../runtime/core/index.ts";
import type { Catalog, Route } from "./catalog.ts";
import type { ServeConfig } from "./config/index.ts";
import { Deployment } from "./deployment.ts";
import { openSocketFolder } from "./socket-folder.ts";

export interface ControllerOptions {
  readonly config: ServeConfig;
  readonly log: Logger;
  readonly logLevel: string;
  readonly clock?: Clock;
  /** Of the runtime whose actors the replicas are: what the machine has to give is detected by default. */
  readonly runtime?: RuntimeOptions;
  /** Told when a deployment's status changes. */
  readonly onStatus?: (deployment: Deployment) => void;
}

export class Controller implements Catalog {
  readonly config: ServeConfig;
  readonly #socketFolder: string;
  readonly #runtime: Runtime;
  readonly #deployments = new Map<string, Deployment>();
  /** Longest prefix first. */
  readonly #routes: readonly Route[];
  #drained: Promise<void> | undefined;

  private constructor(
    options: ControllerOptions,
    { runtime, socketFolder }: { readonly runtime: Runtime; readonly socketFolder: string },
  ) {
    const { config, log, logLevel } = options;
    this.config = config;
    this.#socketFolder = socketFolder;
    this.#runtime = runtime;
    const routes: Route[] = [];
    for (const application of config.applications) {
      for (const deploymentConfig of application.deployments) {
        const deployment = new Deployment({
          config: deploymentConfig,
          socketFolder,
          logLevel,
          runtime,
          clock: options.clock ?? systemClock,
          log,
          onStatus: (changed) => options.onStatus?.(changed),
        });
        this.#deployments.set(deployment.name, deployment);
        if (deployment.name === application.ingress) {
          const prefix = application.routePrefix === "/" ? "" : application.routePrefix;
          routes.push({ application: application.name, prefix, ingress: deployment });
        }
      }
    }
    this.#routes = routes.sort((a, b) => b.prefix.length - a.prefix.length);
  }

  /** Makes what is served known; nothing runs before `deploy`. The caller drains it. */
  static async start(options: ControllerOptions): Promise<Controller> {
    const { log, clock } = options;
    const socketFolder = await openSocketFolder();
    const runtime = await Runtime.start({
      // So that a replica that died is replaced without waiting for a process.
      warmWorkers: 1,
      runtimeEnv: { envVars: REPLICA_VARIABLES },
      dedupLogs: false,
      enableTaskEvents: false,
      onWorkerLine: (line) => forwardLine(line, log),
      log,
      ...(clock === undefined ? {} : { clock }),
      ...options.runtime,
    });
    return new Controller(options, { runtime, socketFolder });
  }

  /** Starts every deployment; resolves when each is ready, waits for resources, or has failed. */
  async deploy(): Promise<void> {
    await Promise.all(this.deployments().map((deployment) => deployment.start()));
  }

  deployment(name: string): Deployment | undefined {
    return this.#deployments.get(name);
  }

  deployments(): readonly Deployment[] {
    return [...this.#deployments.values()];
  }

  routes(): readonly Route[] {
    return this.#routes;
  }

  route(path: string): Route | undefined {
    return this.#routes.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`));
  }

  resources(): Promise<ResourceTotals> {
    return this.#runtime.resources();
  }

  /** Answers what was admitted, refuses the rest, ends every replica. The same promise every time. */
  drain(): Promise<void> {
    this.#drained ??= this.#drainAll();
    return this.#drained;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  async #drainAll(): Promise<void> {
    await Promise.all(this.deployments().map((deployment) => deployment.drain()));
    await this.#runtime.shutdown();
    await rm(this.#socketFolder, { recursive: true, force: true });
  }
}

const REPLICA_VARIABLES = {
  // For glibc: memory of this size and more goes back to the system when it is freed. Left to itself, glibc raises the
  // bound with each body freed and then keeps them all.
  MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024),
  // User code has no business with the admin listener.
  SHOAL_ADMIN_TOKEN: undefined,
};

/** A replica's own log lines are JSON already; what user code prints becomes one. */
function forwardLine({ text, name }: WorkerLine, log: Logger): void {
  if (text.startsWith('{"level":')) process.stderr.write(`${text}\n`);
  else log.info({ replica: name }, text);
}
