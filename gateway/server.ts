// A whole server in one object: the door, the admin listener, and the controller behind them.
//
// 1. Doors are opened before any replica is started behind them, so that a port in use costs little.
// 2. Draining: new requests are refused, admitted ones are answered, then replicas end, then the doors.
// 3. One that takes the place of another has its doors open already: first it knows what runs, then it makes what is wanted so,
//    then it tells the gateways. When that fails it undoes nothing: what runs serves on.

import { randomBytes } from "node:crypto";
import {
  Controller,
  type ControllerOptions,
  type DeployRequest,
  Deploys,
  DesiredState,
  type HttpOptions,
  Routed,
  type ServeConfig,
  toFileForm,
} from "../controller/index.ts";
import { systemClock } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import { AdminServer } from "./admin/server.ts";
import type { ServerIdentity } from "./admin/status.ts";
import type { KedaServer } from "./grpc/keda/server.ts";
import { HttpServer } from "./http/server.ts";
import { listening } from "./listening.ts";
import { Gateways } from "./process/index.ts";

export interface ServerOptions {
  /** Where to listen, and what to serve unless `state` or `given` say. */
  readonly config: ServeConfig;
  readonly log: Logger;
  /** What is wanted and was before, from a store: it is the server's from now on. By default it ends with the server. */
  readonly state?: DesiredState;
  /**
   * What is to be wanted from the start: with a `state`, null keeps what that says. By default the applications of
   * `config`.
   */
  readonly given?: DeployRequest | null;
  /** For the processes of replicas; that of `log` by default. */
  readonly logLevel?: string;
  /** Of the admin listener; made up by default. */
  readonly adminToken?: string;
  readonly onStatus?: NonNullable<ControllerOptions["onStatus"]>;
  /** Told when a client of the admin listener asks the server to end; by default the server drains. */
  readonly onShutdown?: () => void;
  /** What it stands on, the caller's to end; by default its own. */
  readonly ground?: NonNullable<ControllerOptions["ground"]>;
  /** It takes the place of one on the same ground that is gone, several gateway processes of which serve on. Default false. */
  readonly takesOver?: boolean;
  /** What its status says of processes; by default that this one is all. */
  readonly identity?: ServerIdentity;
  /** A gateway process that tells nothing for so long is killed; 10,000 by default. */
  readonly longestSilenceMs?: number;
}

/** Where requests come in: this process, or several that share a port. */
export interface Door {
  readonly url: string;
  /** New requests are refused from now on. */
  refuse(): void;
  /** Lets the last answers out, at most for `graceMs`. */
  close(graceMs?: number): Promise<void>;
}

export class Server {
  readonly controller: Controller;
  readonly deploys: Deploys;
  readonly http: Door;
  readonly admin: AdminServer;
  readonly adminToken: string;
  /** Absent unless the config asks for it. */
  readonly keda: KedaServer | undefined;
  /** Resolves when every deployment is ready, waits for resources, or has failed. */
  readonly deployed: Promise<void>;
  readonly #state: DesiredState;
  #drained: Promise<void> | undefined;

  private constructor(
    parts: Pick<Server, "controller" | "deploys" | "http" | "admin" | "adminToken" | "keda">,
    state: DesiredState,
  ) {
    this.#state = state;
    this.controller = parts.controller;
    this.deploys = parts.deploys;
    this.http = parts.http;
    this.admin = parts.admin;
    this.adminToken = parts.adminToken;
    this.keda = parts.keda;
    this.deployed = parts.controller.settled();
  }

  /**
   * Opens the doors and begins to start the deployments. Throws INVALID_CONFIG when a port cannot be had, and the STORE_
   * codes.
   */
  static async start(options: ServerOptions): Promise<Server> {
    const { config, log, identity = { pid: process.pid } } = options;
    const adminToken = options.adminToken ?? randomBytes(24).toString("base64url");
    await using undo = new AsyncDisposableStack();
    const state = undo.use(options.state ?? (await DesiredState.open()));
    const found = await foundGateways(options);
    if (found !== undefined) undo.move(); // invariant 3
    let deploys: Deploys | undefined;
    const controller = await Controller.start({
      config: { ...config, applications: [] },
      log,
      logLevel: options.logLevel ?? log.level,
      ...(options.ground === undefined ? {} : { ground: options.ground }),
      ...(found === undefined ? {} : { takesOver: found.map(({ routes }) => routes) }),
      onStatus: (deployment) => {
        deploys?.look(deployment.name);
        options.onStatus?.(deployment);
      },
      onMemory: ({ name }) => deploys?.look(name),
      onTarget: (deployment) => deploys?.lookAtTarget(deployment),
      onTraffic: (application) => deploys?.lookAtTraffic(application),
    });
    if (found === undefined) undo.use(controller);
    const first = options.given === undefined ? givenBy(config) : options.given;
    deploys = await Deploys.start({ state, controller, log, ...(first === null ? {} : { first }) });
    if (found !== undefined) deploys.begin(); // invariant 3
    let server: Server | undefined;
    const onShutdown = options.onShutdown ?? ((): void => void server?.drain());
    const admin = await listening(config.admin, "admin_options", () =>
      AdminServer.start({
        admin: config.admin,
        controller,
        deploys,
        token: adminToken,
        identity,
        onShutdown,
      }),
    );
    if (found === undefined) undo.defer(() => admin.close());
    const keda = await openKeda(config, controller, log);
    if (found === undefined) undo.defer(() => keda?.close());
    const http = await listening(config.http, "http_options", () =>
      openDoor(config.http, controller, { ...options, found }),
    );
    if (found === undefined) {
      undo.defer(() => http.close());
      // Right after the door is open: no request finds it without its routes.
      deploys.begin();
      undo.move();
    }
    server = new Server({ controller, deploys, http, admin, adminToken, keda }, state);
    return server;
  }

  /** Invariant 2; the same promise every time. */
  drain(): Promise<void> {
    this.#drained ??= this.#drainAll();
    return this.#drained;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  async #drainAll(): Promise<void> {
    // In the reverse order of what is deferred; one that fails does not keep the others from closing.
    await using closing = new AsyncDisposableStack();
    closing.use(this.#state);
    closing.defer(() => this.deploys.flush());
    closing.defer(() => this.admin.close());
    closing.defer(() => this.keda?.close());
    closing.use(this.controller);
    closing.defer(() => this.http.close(LAST_ANSWERS_MS));
    this.http.refuse();
    // What is deployed from now on would begin what this ends.
    await this.deploys.close();
    await this.controller.drain();
  }
}

/** Undefined for a server that is the first. */
async function foundGateways({ takesOver, ground, log, longestSilenceMs }: ServerOptions) {
  if (takesOver !== true || ground === undefined) return undefined;
  return await Gateways.find(ground.runtime, { log, longestSilenceMs });
}

async function openDoor(
  http: HttpOptions,
  controller: Controller,
  options: ServerOptions & { readonly found: Awaited<ReturnType<typeof foundGateways>> },
): Promise<Door> {
  const { log, logLevel = log.level, longestSilenceMs, found } = options;
  const clock = systemClock;
  if (http.processes > 1) {
    return await Gateways.start({ http, controller, logLevel, clock, log, longestSilenceMs, found });
  }
  const routed = new Routed({
    clock,
    log,
    onLost: (key, replicaId) => controller.onLost(key, replicaId),
    onEjected: (key, ejection) => controller.onEjected(key, ejection),
  });
  await controller.attach(routed);
  return await HttpServer.start({ http, catalog: routed, log });
}

async function openKeda(
  { keda }: ServeConfig,
  controller: Controller,
  log: Logger,
): Promise<KedaServer | undefined> {
  if (keda === undefined) return undefined;
  // Who does not ask for it does not pay for gRPC.
  const { KedaServer } = await import("./grpc/keda/server.ts");
  return await listening(keda, "keda_options", () =>
    KedaServer.start({ keda, controller, clock: systemClock, log }),
  );
}

/** How long answers that are ready may take to reach slow clients once nothing else is left to do. */
const LAST_ANSWERS_MS = 5_000;

/** A config as somebody would have written it. */
function givenBy(config: ServeConfig): DeployRequest {
  const text = JSON.stringify(toFileForm(config));
  return { text, file: "config", directory: process.cwd(), author: "this program", source: "a program" };
}
