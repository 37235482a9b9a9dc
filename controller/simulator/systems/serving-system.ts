// Whatever carries requests to replicas: the product's dispatcher, or another's way of doing it. A system decides which
// requests run together, where and when; the fleet and the clients are the same for all.

import type { Ticket } from "../../dispatch/index.ts";
import type { ServiceTimes } from "../../latency-model/index.ts";
import type { Random } from "../kernel/random.ts";
import type { VirtualTime } from "../kernel/virtual-time.ts";
import type { ServiceProfile } from "../plant/service-profile.ts";
import type { SimulatedReplica } from "../plant/simulated-replica.ts";
import type { WaitingLine } from "./waiting-line.ts";

/** One attempt of a client. */
export interface SimulatedRequest {
  /** When this attempt was sent. */
  readonly sentMs: number;
  /** When it is too late for it to count. */
  readonly deadlineMs: number;
  /** Its client has gone, or it was settled. */
  over: boolean;
  /** The line of another system in which it waits; undefined at a replica. */
  line: WaitingLine | undefined;
  /** By which the product takes it back. */
  ticket: Pick<Ticket, "cancel"> | undefined;
}

/** Why a request was not answered: the system would not have it, or its replica died. */
export type Failure = "refused" | "failed";

export interface SystemOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly profile: ServiceProfile;
  readonly objectiveMs: number;
  /** From arrival until the product gives a request up. */
  readonly requestTimeoutMs: number;
  readonly answered: (request: SimulatedRequest) => void;
  readonly unanswered: (request: SimulatedRequest, why: Failure) => void;
  /** A batch of so many ran. */
  readonly ran: (requests: number, ms: number) => void;
}

export interface ServingSystem {
  /** Requests waiting and not run. */
  readonly queued: number;
  /** What it has learnt of service times; knows nothing where it learns nothing. */
  readonly service: ServiceTimes;
  submit(request: SimulatedRequest): void;
  /** The client has gone. */
  abandon(request: SimulatedRequest): void;
  addReplica(replica: SimulatedReplica): void;
  /** No more work for it; `gone` when it has none. */
  retireReplica(replica: SimulatedReplica, gone: () => void): void;
  /** It died; what it had has come back as lost. */
  loseReplica(replica: SimulatedReplica): void;
}

export interface SystemMaker {
  /** As in tables and on the command line. */
  readonly name: string;
  readonly make: (options: SystemOptions) => ServingSystem;
}

/** For systems that go by fixed settings. */
export const NOTHING_LEARNT: ServiceTimes = {
  meanMs: () => undefined,
  predictMs: () => undefined,
  maxRowsWithin: () => 0,
  noise: 0,
};
