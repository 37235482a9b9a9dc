// The controller with its store and the admin listener in a process of its own: the class of an actor, which is started again
// whenever it ends. Requests do not pass here.
//
// 1. What runs is not its own: it stands on the runtime of the process that began it. One that takes another's place has from
//    the store what is wanted, and takes over what runs.
// 2. What keeps one from starting in another's place is no reason to give up: the next one tries again.

import { join } from "node:path";
import type { Asked, DeployOutcome, DeployRequest, ServeConfig } from "../../controller/index.ts";
import { DesiredState } from "../../controller/index.ts";
import { messageOf } from "../../runtime/base/index.ts";
import { createLog } from "../../runtime/base/log/index.ts";
import { Runtime } from "../../runtime/core/index.ts";
import { EventQueue } from "../process/index.ts";
import { Server } from "../server.ts";
import { type ControlRecord, readControlRecord, writeControlRecord } from "./control-record.ts";
import { endLeftovers } from "./leftovers.ts";
import { overviewOf, statusChange } from "./overview.ts";
import type { Overview, RunningServer, StatusChange } from "./running-server.ts";

/** Plain data: it crosses the process boundary, and is the same for each that is started. */
export interface ControlSpec {
  readonly config: ServeConfig;
  /** What is to be wanted from the first start on; null keeps what the store says. */
  readonly given: DeployRequest | null;
  /** The store's file; in `socketFolder` by default, where it ends with the server. */
  readonly stateFile: string | undefined;
  readonly socketFolder: string;
  readonly adminToken: string;
  readonly logLevel: string;
  /** Of the process that runs the server. */
  readonly serverPid: number;
}

/** What whoever runs the server is told. */
export type ControlEvent =
  | { readonly kind: "status"; readonly change: StatusChange }
  /** A client of the admin listener asks the server to end. */
  | { readonly kind: "shutdown" };

const NEVER_MS = 2 ** 31 - 1;

export class ControlProcess {
  readonly #server: Server;
  readonly #events: EventQueue<ControlEvent>;

  private constructor(server: Server, events: EventQueue<ControlEvent>) {
    this.#server = server;
    this.#events = events;
  }

  /** Throws what `Server.start` throws, when it is the first. */
  static async start(spec: ControlSpec): Promise<ControlProcess> {
    const { socketFolder } = spec;
    const before = await readControlRecord(socketFolder);
    if (before === undefined) {
      await endLeftovers(Runtime.current());
      return await ControlProcess.#start(spec, { starts: 1 });
    }
    const { starts } = before;
    const config = withPorts(spec.config, before);
    await writeControlRecord(socketFolder, { ...before, starts: starts + 1 });
    try {
      return await ControlProcess.#start({ ...spec, config, given: null }, { starts: starts + 1 });
    } catch (thrown) {
      throw new Error(messageOf(thrown), { cause: thrown }); // invariant 2: without a code it is tried again
    }
  }

  static async #start(spec: ControlSpec, { starts }: { readonly starts: number }): Promise<ControlProcess> {
    const { config, given, socketFolder, stateFile, adminToken, logLevel, serverPid } = spec;
    const events = new EventQueue<ControlEvent>();
    const state = await DesiredState.open({ file: stateFile ?? join(socketFolder, "serve.sqlite") });
    const server = await Server.start({
      config,
      log: createLog({ level: logLevel }),
      state,
      given,
      adminToken,
      ground: { runtime: Runtime.current(), socketFolder },
      takesOver: starts > 1,
      identity: { pid: serverPid, controller: { pid: process.pid, restarts: starts - 1 } },
      onStatus: (deployment) => events.push({ kind: "status", change: statusChange(deployment) }),
      onShutdown: () => events.push({ kind: "shutdown" }),
    });
    if (starts === 1) {
      await writeControlRecord(socketFolder, { starts, ...portsOf(server) });
    }
    return new ControlProcess(server, events);
  }

  addresses(): Pick<RunningServer, "url" | "adminUrl" | "kedaAddress"> {
    const { http, admin, keda } = this.#server;
    return { url: http.url, adminUrl: admin.url, kedaAddress: keda?.address };
  }

  /** As they come, until somebody asks again. */
  async *events(): AsyncGenerator<ControlEvent> {
    for await (const event of this.#events.read(NEVER_MS)) if (event !== undefined) yield event;
  }

  async deployed(): Promise<void> {
    await this.#server.deployed;
  }

  overview(): Overview {
    return overviewOf(this.#server.controller);
  }

  async deploy(request: DeployRequest): Promise<DeployOutcome> {
    return await this.#server.deploys.deploy(request);
  }

  async refresh(asked: Asked): Promise<DeployOutcome> {
    return await this.#server.deploys.refresh(asked);
  }

  async drain(): Promise<void> {
    await this.#server.drain();
  }
}

function portsOf({ admin, http, keda }: Server): Omit<ControlRecord, "starts"> {
  const portOf = (url: string): number => Number(new URL(url).port);
  return {
    adminPort: portOf(admin.url),
    httpPort: portOf(http.url),
    ...(keda === undefined ? {} : { kedaPort: portOf(`http://${keda.address}`) }),
  };
}

/** What the system picked once stays. */
function withPorts(config: ServeConfig, { adminPort, httpPort, kedaPort }: ControlRecord): ServeConfig {
  const { admin, http, keda } = config;
  return {
    ...config,
    admin: { ...admin, port: adminPort },
    http: { ...http, port: httpPort },
    ...(keda === undefined ? {} : { keda: { ...keda, port: kedaPort ?? keda.port } }),
  };
}
