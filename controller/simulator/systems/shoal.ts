// The product: its own `Dispatcher`, on virtual time, with simulated replicas at the other end of its links.

import type { Dispatcher as Connections } from "undici";
import { ShoalError } from "../../../runtime/base/index.ts";
import { silentLog } from "../../../runtime/base/log/index.ts";
import {
  Dispatcher,
  type DispatchPolicy,
  type InferWork,
  type ReplicaLink,
  type Ticket,
} from "../../dispatch/index.ts";
import type { ServiceTimes } from "../../latency-model/index.ts";
import { serviceLineOf } from "../../routing/index.ts";
import { KnownService } from "../../scaling/index.ts";
import type { SimulatedReplica } from "../plant/simulated-replica.ts";
import type { ServingSystem, SimulatedRequest, SystemMaker, SystemOptions } from "./serving-system.ts";

export interface ShoalOptions {
  /** Changes to the policy under which it runs. */
  readonly policy?: Partial<DispatchPolicy>;
}

/** One row, alike for all. */
const WORK: InferWork = { kind: "infer", inputs: [], outputs: [], rows: 1, joinKey: "row" };

export function shoal(options: ShoalOptions = {}, name = "shoal"): SystemMaker {
  return { name, make: (system) => new ShoalSystem(system, options) };
}

class ShoalSystem implements ServingSystem {
  readonly #options: SystemOptions;
  readonly #dispatcher: Dispatcher;
  readonly #links = new Map<string, SimulatedLink>();

  constructor(options: SystemOptions, { policy = {} }: ShoalOptions) {
    const { time, profile, objectiveMs } = options;
    this.#options = options;
    this.#dispatcher = new Dispatcher({
      deployment: "simulated",
      policy: {
        maxBatchSize: profile.maxRows,
        batchWaitTimeoutMs: 0,
        maxConcurrentBatches: 1,
        maxOngoingRequests: 1_000,
        maxQueuedRequests: 100_000,
        idempotent: true,
        objectiveMs,
        ...policy,
      },
      clock: time,
      log: silentLog,
      afterTurn: time.afterTurn,
    });
  }

  /** As the autoscaler hears it of a gateway. */
  get service(): ServiceTimes {
    const line = serviceLineOf(this.#dispatcher.service);
    return new KnownService(line === undefined ? [] : [line]);
  }

  get queued(): number {
    return this.#dispatcher.queued;
  }

  submit(request: SimulatedRequest): void {
    const { answered, unanswered, requestTimeoutMs } = this.#options;
    let ticket: Ticket;
    try {
      ticket = this.#dispatcher.submit(WORK, request.sentMs + requestTimeoutMs);
    } catch {
      unanswered(request, "refused");
      return;
    }
    request.ticket = ticket;
    ticket.result.then(
      () => answered(request),
      (error: unknown) => {
        const died = error instanceof ShoalError && error.code === "REPLICA_DIED";
        unanswered(request, died ? "failed" : "refused");
      },
    );
  }

  abandon(request: SimulatedRequest): void {
    request.ticket?.cancel(new ShoalError("CANCELLED", "The client has gone"));
  }

  addReplica(replica: SimulatedReplica): void {
    const link = new SimulatedLink(replica, this.#options);
    this.#links.set(replica.id, link);
    this.#dispatcher.addReplica(link);
  }

  retireReplica(replica: SimulatedReplica, gone: () => void): void {
    this.#dispatcher.removeReplica(replica.id);
    const link = this.#links.get(replica.id);
    this.#links.delete(replica.id);
    if (link === undefined) gone();
    else link.whenIdle(gone);
  }

  loseReplica(replica: SimulatedReplica): void {
    this.#dispatcher.removeReplica(replica.id);
    this.#links.delete(replica.id);
  }
}

class SimulatedLink implements ReplicaLink {
  readonly id: string;
  readonly #replica: SimulatedReplica;
  readonly #options: SystemOptions;
  #whenIdle: (() => void) | undefined;

  constructor(replica: SimulatedReplica, options: SystemOptions) {
    this.id = replica.id;
    this.#replica = replica;
    this.#options = options;
  }

  get connections(): Connections {
    throw new ShoalError("INTERNAL", "A simulated replica carries no web requests");
  }

  send(batch: Parameters<ReplicaLink["send"]>[0]): ReturnType<ReplicaLink["send"]> {
    const { rows, latestStartMs } = batch;
    return new Promise((resolve) => {
      this.#replica.run({
        rows,
        latestStartMs,
        ended: (end, ranMs) => {
          if (end === "done") {
            this.#options.ran(rows, ranMs);
            resolve({ kind: "done", outputs: [], computeNs: [0, Math.round(ranMs * 1e6), 0] });
          } else if (end === "late") {
            resolve({
              kind: "refused",
              error: new ShoalError("LATEST_START_PASSED", "It came too late to run"),
            });
          } else {
            const error = new ShoalError("REPLICA_DIED", "The replica died");
            resolve({ kind: "lost", error, delivered: true });
          }
          if (this.#replica.running === 0) this.#whenIdle?.();
        },
      });
    });
  }

  /** Calls `idle` once there is no batch at the replica. */
  whenIdle(idle: () => void): void {
    if (this.#replica.running === 0) idle();
    else {
      this.#whenIdle = () => {
        this.#whenIdle = undefined;
        idle();
      };
    }
  }
}
