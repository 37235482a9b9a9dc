// The listener that KEDA asks how much there is to do.
//
// 1. Nobody can change anything here, so a token is not asked for: KEDA could not send one. Who may ask is a matter of the
//    address, loopback by default, and of TLS with the certificates of clients.

import type { Controller, KedaOptions } from "../../../controller/index.ts";
import { DemandWatch } from "../../../controller/index.ts";
import type { Clock } from "../../../runtime/base/index.ts";
import type { Logger } from "../../../runtime/base/log/index.ts";
import { Feeds } from "../calls.ts";
import { GrpcListener } from "../listener.ts";
import { loadService } from "../proto.ts";
import { externalScaler } from "./external-scaler.ts";

export interface KedaServerOptions {
  readonly keda: KedaOptions;
  readonly controller: Controller;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Far more than a trigger's metadata takes. */
const MAX_MESSAGE_BYTES = 64 * 1024;
const CLOSE_GRACE_MS = 2_000;

export class KedaServer {
  readonly #listener: GrpcListener;
  readonly #feeds: Feeds;
  readonly #demand: DemandWatch;

  private constructor(listener: GrpcListener, feeds: Feeds, demand: DemandWatch) {
    this.#listener = listener;
    this.#feeds = feeds;
    this.#demand = demand;
  }

  /** Listens; rejects with the system's error when it cannot. */
  static async start({ keda, controller, clock, log }: KedaServerOptions): Promise<KedaServer> {
    const feeds = new Feeds({ log });
    const demand = new DemandWatch({
      clock,
      all: () => controller.deployments(),
      onLook: () => feeds.look(),
    });
    const methods = externalScaler({ controller, demand, feeds, log });
    const definition = loadService("externalscaler.proto", "externalscaler.ExternalScaler");
    const listener = await GrpcListener.start({
      ...keda,
      clock,
      services: [{ definition, methods }],
      maxMessageBytes: MAX_MESSAGE_BYTES,
    });
    demand.start();
    return new KedaServer(listener, feeds, demand);
  }

  /** `127.0.0.1:8266`. */
  get address(): string {
    return this.#listener.address;
  }

  /** Ends the streams and answers what was asked. */
  async close(): Promise<void> {
    this.#demand.stop();
    this.#feeds.end();
    await this.#listener.close(CLOSE_GRACE_MS);
  }
}
