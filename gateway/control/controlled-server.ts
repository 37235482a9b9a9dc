// A server whose controller is a process of its own, as the process that began it has it. This one has the runtime, and with
// it the life of all the others.
//
// 1. What is asked of a controller that ends meanwhile is asked of the next one.
// 2. The server is over when the controller is over for good, or has drained.

import { type DeployOutcome, Ground } from "../../controller/index.ts";
import { type Clock, messageOf, systemClock } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import type { ActorHandle, ActorStatus } from "../../runtime/core/index.ts";
import type { ControlEvent, ControlSpec } from "./control-process.ts";
import { CONTROL, CONTROL_MODULE, type ControlModule } from "./module.ts";
import type { Overview, RunningServer, StatusChange } from "./running-server.ts";

export interface ControlledServerOptions extends Omit<ControlSpec, "socketFolder" | "serverPid"> {
  readonly log: Logger;
  readonly onStatus: (change: StatusChange) => void;
  /** A client of the admin listener asks the server to end, or the controller cannot go on. */
  readonly onShutdown: () => void;
}

type Handle = ActorHandle<ControlModule["ControlProcess"]>;

/** Between a stream of events that broke and the next. */
const AGAIN_MS = 100;

export class ControlledServer implements RunningServer {
  readonly url: string;
  readonly adminUrl: string;
  readonly kedaAddress: string | undefined;
  readonly adminToken: string;
  readonly controllerApart = true;
  readonly deployed: Promise<void>;
  readonly #ground: Ground;
  readonly #handle: Handle;
  readonly #over: AbortController;
  #drained: Promise<void> | undefined;

  private constructor(
    parts: Pick<ControlledServer, "url" | "adminUrl" | "kedaAddress" | "adminToken">,
    {
      ground,
      handle,
      over,
    }: { readonly ground: Ground; readonly handle: Handle; readonly over: AbortController },
  ) {
    this.url = parts.url;
    this.adminUrl = parts.adminUrl;
    this.kedaAddress = parts.kedaAddress;
    this.adminToken = parts.adminToken;
    this.#ground = ground;
    this.#handle = handle;
    this.#over = over;
    this.deployed = ground.runtime.get(handle.deployed());
    this.deployed.catch(() => undefined); // whoever waits for it is told
  }

  /** Opens the doors and begins to start the deployments. Throws INVALID_CONFIG when a port cannot be had, and the STORE_ codes. */
  static async start(options: ControlledServerOptions): Promise<ControlledServer> {
    const { log, onStatus, onShutdown, ...given } = options;
    await using undo = new AsyncDisposableStack();
    const ground = undo.use(await Ground.start({ log }));
    const { runtime, socketFolder } = ground;
    const over = new AbortController();
    const { ControlProcess } = runtime.actors<ControlModule>(CONTROL_MODULE);
    const handle = await ControlProcess.options({
      name: "controller",
      namespace: CONTROL,
      lifetime: "detached",
      numCpus: 0,
      essential: true,
      maxRestarts: -1,
      maxTaskRetries: -1, // invariant 1
      onStatus: (status) => {
        tell(status, log);
        if (status.state !== "DEAD" || over.signal.aborted) return;
        over.abort(); // invariant 2
        onShutdown();
      },
    }).create({ ...given, socketFolder, serverPid: process.pid });
    const addresses = await runtime.get(handle.addresses());
    undo.move();
    const hear = (event: ControlEvent): void => {
      if (event.kind === "status") onStatus(event.change);
      else onShutdown();
    };
    void listen(handle, { hear, over: over.signal, clock: systemClock });
    return new ControlledServer({ ...addresses, adminToken: given.adminToken }, { ground, handle, over });
  }

  overview(): Promise<Overview> {
    return this.#ground.runtime.get(this.#handle.overview());
  }

  deploy(request: Parameters<RunningServer["deploy"]>[0]): Promise<DeployOutcome> {
    return this.#ground.runtime.get<DeployOutcome>(this.#handle.deploy(request));
  }

  refresh(asked: Parameters<RunningServer["refresh"]>[0]): Promise<DeployOutcome> {
    return this.#ground.runtime.get<DeployOutcome>(this.#handle.refresh(asked));
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  async #drain(): Promise<void> {
    const dead = this.#over.signal.aborted;
    this.#over.abort();
    await using _ground = this.#ground;
    if (!dead) await this.#ground.runtime.get(this.#handle.drain());
  }
}

/** Hears what each controller process tells, one after the other. Never rejects. */
async function listen(
  handle: Handle,
  { hear, over, clock }: { hear: (event: ControlEvent) => void; over: AbortSignal; clock: Clock },
): Promise<void> {
  while (!over.aborted) {
    try {
      // A stream cannot be taken up where it broke.
      for await (const event of handle.events.options({ maxTaskRetries: 0 })()) hear(event);
    } catch {
      await clock.sleep(AGAIN_MS, over).catch(() => undefined);
    }
  }
}

function tell({ state, reason, pid, incarnation }: ActorStatus, log: Logger): void {
  if (state === "RESTARTING")
    log.warn({ controller: pid }, `the controller ended, another takes its place: ${messageOf(reason)}`);
  if (state === "ALIVE" && incarnation > 1)
    log.info({ controller: pid }, "another controller has taken over");
}
