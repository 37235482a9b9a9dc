// Those who send: open loop, at the moments of the workload, whatever becomes of it. They may give up, and try again.
//
// 1. A request ends once for its client: with the first answer, or when no attempt is left.
// 2. With a budget, retries are at most that share of first attempts.

import type { LoadCounts } from "../../routing/index.ts";
import type { Random } from "../kernel/random.ts";
import type { VirtualTime } from "../kernel/virtual-time.ts";
import type { Failure, ServingSystem, SimulatedRequest } from "../systems/serving-system.ts";
import type { ArrivalStream } from "../workload/arrivals.ts";
import type { Tally } from "./tally.ts";

export interface ClientBehaviour {
  /** It gives up an attempt after so long. Default never. */
  readonly timeoutMs?: number;
  /** Further attempts after one that was refused, failed or given up. Default 0. */
  readonly retries?: number;
  /** Retries as a share of first attempts. Default no limit. */
  readonly retryBudget?: number;
}

export interface ClientOptions extends ClientBehaviour {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly objectiveMs: number;
  readonly untilMs: number;
  readonly arrivals: ArrivalStream;
  readonly load: LoadCounts;
  readonly tally: Tally;
  /** What every answer and refusal takes besides, outside of the dispatcher. */
  readonly doorMs: number;
}

interface Attempt extends SimulatedRequest {
  readonly firstSentMs: number;
  readonly number: number;
}

const FIRST_BACKOFF_MS = 100;

export class Clients {
  readonly #options: ClientOptions;
  #system: ServingSystem | undefined;
  #open = 0;
  #first = 0;
  #retried = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Attempts sent and not ended. */
  get open(): number {
    return this.#open;
  }

  begin(system: ServingSystem): void {
    this.#system = system;
    this.#arm();
  }

  answered(request: SimulatedRequest): void {
    const attempt = this.#end(request);
    if (attempt === undefined) return;
    const { time, tally, objectiveMs, doorMs } = this.#options;
    const latencyMs = time.nowMs() - attempt.firstSentMs + doorMs;
    tally.ended(latencyMs <= objectiveMs ? "good" : "late", attempt.firstSentMs, latencyMs);
    this.#report(time.nowMs() > attempt.deadlineMs ? 1 : 0);
  }

  unanswered(request: SimulatedRequest, why: Failure): void {
    const attempt = this.#end(request);
    if (attempt === undefined) return;
    this.#report(1);
    this.#retryOr(attempt, why);
  }

  #arm(): void {
    const { time, arrivals, untilMs } = this.#options;
    const atMs = arrivals.next();
    if (atMs > untilMs) return;
    time.at(atMs, () => {
      this.#first++;
      this.#options.tally.offered(atMs);
      this.#send(atMs, 0);
      this.#arm();
    });
  }

  #send(firstSentMs: number, number: number): void {
    const { time, objectiveMs, load, timeoutMs } = this.#options;
    const nowMs = time.nowMs();
    const attempt: Attempt = {
      firstSentMs,
      number,
      sentMs: nowMs,
      deadlineMs: nowMs + objectiveMs,
      over: false,
      line: undefined,
      ticket: undefined,
    };
    this.#open++;
    load.arrived(1);
    if (timeoutMs !== undefined) time.timer(timeoutMs, () => this.#giveUp(attempt));
    this.#system?.submit(attempt);
  }

  #giveUp(attempt: Attempt): void {
    if (this.#end(attempt) === undefined) return;
    this.#report(1);
    this.#system?.abandon(attempt);
    this.#retryOr(attempt, "abandoned");
  }

  #retryOr(attempt: Attempt, ending: Failure | "abandoned"): void {
    const {
      retries = 0,
      retryBudget = Number.POSITIVE_INFINITY,
      time,
      random,
      tally,
      doorMs,
    } = this.#options;
    // Invariant 2.
    if (attempt.number >= retries || this.#retried >= retryBudget * this.#first) {
      tally.ended(ending, attempt.firstSentMs, time.nowMs() - attempt.firstSentMs + doorMs);
      return;
    }
    this.#retried++;
    const backoffMs = FIRST_BACKOFF_MS * 2 ** attempt.number * (0.5 + random.next());
    time.timer(backoffMs, () => this.#send(attempt.firstSentMs, attempt.number + 1));
  }

  /** The attempt, if it had not ended yet (invariant 1). */
  #end(request: SimulatedRequest): Attempt | undefined {
    if (request.over || !isAttempt(request)) return undefined;
    request.over = true;
    this.#open--;
    return request;
  }

  #report(missed: number): void {
    this.#options.load.ended(1, missed);
  }
}

function isAttempt(request: SimulatedRequest): request is Attempt {
  return "firstSentMs" in request;
}
