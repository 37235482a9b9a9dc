// The requests of a load from sending to outcome: timeouts, retries, and the count of everything.
//
// 1. A request's latency counts from its intended send time: what delays the sending is in the figure.
// 2. Every request gets exactly one outcome, at its timeout the latest. Only one that turns out to have been
//    answered twice changes it, once.

import assert from "node:assert/strict";
import { Histogram } from "../http/histogram.ts";
import type { Random } from "../models/random.ts";
import type { Answer } from "./answer-reader.ts";
import type { Flight } from "./flight.ts";
import type { Outcome, SettledRequest } from "./outcome.ts";
import type { Pool, PoolEvents } from "./pool.ts";
import type { RequestTemplate } from "./request-class.ts";
import type { Tally, Took } from "./tally.ts";
import type { Timeline } from "./timeline.ts";

/** Where a flight goes, and where it is counted. */
export interface FlightTarget {
  readonly name: string;
  readonly pool: Pool;
  readonly template: RequestTemplate;
  readonly timeoutMs: number;
  readonly tally: Tally;
}

export interface FlightsOptions {
  readonly idPrefix: string;
  readonly retries: number;
  readonly retryBackoffMs: number;
  readonly random: Random;
  readonly tally: Tally;
  readonly timeline: Timeline;
  readonly onSettled: ((request: SettledRequest) => void) | undefined;
  /** Told after each outcome. */
  readonly onLanded: () => void;
}

const RETRIED_STATUSES = [429, 503];

export class Flights implements Disposable {
  readonly lag = new Histogram();
  readonly delay = new Histogram();
  readonly #options: FlightsOptions;
  readonly #open = new Set<Flight>();
  #sent = 0;
  #attempts = 0;

  constructor(options: FlightsOptions) {
    this.#options = options;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Sent and without an outcome. */
  get open(): number {
    return this.#open.size;
  }

  get attempts(): number {
    return this.#attempts;
  }

  /** `timeMs` counts from the start of the load, `intendedMs` is the same on the clock of `performance.now()`. */
  send(target: FlightTarget, timeMs: number, intendedMs: number): void {
    const flight: Flight = {
      id: `${this.#options.idPrefix}-${this.#sent++}`,
      target,
      timeMs,
      intendedMs,
      writtenMs: undefined,
      attempts: 0,
      outcome: undefined,
      settledMs: 0,
      timer: undefined,
      retryTimer: undefined,
      abandon: undefined,
    };
    const lagMs = performance.now() - intendedMs;
    this.lag.record(lagMs);
    this.#open.add(flight);
    this.#options.tally.send();
    this.#options.timeline.send(timeMs);
    target.tally.send();
    // Whole milliseconds: Node keeps timers of one length in one list.
    flight.timer = setTimeout(() => this.#timeOut(flight), Math.max(1, Math.ceil(target.timeoutMs - lagMs)));
    this.#try(flight);
  }

  /** What the pools of the targets tell. */
  poolEvents(): PoolEvents {
    return {
      onAnswer: (flight, answer) => this.#onAnswer(flight, answer),
      onRefused: (flight, cause) => this.#settleOrRetry(flight, { kind: "refused", cause }),
      onLost: (flight, cause, onReuse) => this.#settleOrRetry(flight, { kind: "lost", cause, onReuse }),
      onTwice: (flight) => this.#onTwice(flight),
      onDelayed: (flight, waitedMs) => {
        this.delay.record(waitedMs);
        this.#options.timeline.delay(flight.timeMs);
      },
    };
  }

  /** Gives up what is open, without an outcome: for a load that failed. */
  [Symbol.dispose](): void {
    for (const flight of this.#open) {
      clearTimeout(flight.timer);
      clearTimeout(flight.retryTimer);
      flight.abandon?.();
    }
    this.#open.clear();
  }

  #try(flight: Flight): void {
    flight.attempts++;
    this.#attempts++;
    flight.target.pool.send(flight);
  }

  #timeOut(flight: Flight): void {
    flight.abandon?.();
    this.#settle(flight, { kind: "timedOut", written: flight.writtenMs !== undefined });
  }

  #onAnswer(flight: Flight, answer: Answer): void {
    const { status, code } = answer;
    if (status >= 200 && status < 300) this.#settle(flight, { kind: "ok", status });
    else this.#settleOrRetry(flight, { kind: "error", status, code }, answer);
  }

  #settleOrRetry(flight: Flight, outcome: Outcome, answer?: Answer): void {
    const { retries, retryBackoffMs, random } = this.#options;
    if (flight.attempts > retries || !mayRetry(answer)) {
      this.#settle(flight, outcome);
      return;
    }
    const backoffMs = random.uniform() * retryBackoffMs * 2 ** (flight.attempts - 1);
    const waitMs = Math.max(answer?.retryAfterMs ?? 0, backoffMs);
    const deadlineMs = flight.intendedMs + flight.target.timeoutMs;
    // One that would time out in the pause keeps the outcome that it has.
    if (performance.now() + waitMs >= deadlineMs) this.#settle(flight, outcome);
    else flight.retryTimer = setTimeout(() => this.#try(flight), waitMs);
  }

  /** Invariant 2. */
  #onTwice(flight: Flight): void {
    const { outcome: earlier, target, timeMs } = flight;
    if (earlier === undefined) {
      flight.abandon?.();
      this.#settle(flight, { kind: "twice" });
    } else if (earlier.kind !== "twice") {
      const took = tookOf(flight);
      this.#options.tally.moveToTwice(earlier, took);
      this.#options.timeline.moveToTwice(timeMs, earlier, took);
      target.tally.moveToTwice(earlier, took);
      flight.outcome = { kind: "twice" };
      this.#tell(flight, flight.outcome);
    }
  }

  /** Invariant 2: the one place where a request gets its outcome. */
  #settle(flight: Flight, outcome: Outcome): void {
    assert.equal(flight.outcome, undefined, `request ${flight.id} has an outcome already`);
    flight.outcome = outcome;
    flight.settledMs = performance.now();
    flight.abandon = undefined;
    clearTimeout(flight.timer);
    clearTimeout(flight.retryTimer);
    this.#open.delete(flight);
    const took = tookOf(flight);
    this.#options.tally.settle(outcome, took);
    this.#options.timeline.settle(flight.timeMs, outcome, took);
    flight.target.tally.settle(outcome, took);
    this.#tell(flight, outcome);
    this.#options.onLanded();
  }

  #tell(flight: Flight, outcome: Outcome): void {
    const { id, target, timeMs, intendedMs, writtenMs, settledMs, attempts } = flight;
    this.#options.onSettled?.({
      id,
      className: target.name,
      intendedMs: timeMs,
      writtenMs: writtenMs === undefined ? undefined : writtenMs - intendedMs + timeMs,
      settledMs: settledMs - intendedMs + timeMs,
      attempts,
      outcome,
    });
  }
}

/** Invariant 1. */
function tookOf({ intendedMs, writtenMs = intendedMs, settledMs }: Flight): Took {
  return { fromIntendedMs: settledMs - intendedMs, fromWrittenMs: settledMs - writtenMs };
}

/** What brought no answer may be tried again; an answer says it itself, or its status does. */
function mayRetry(answer: Answer | undefined): boolean {
  return answer === undefined || (answer.shouldRetry ?? RETRIED_STATUSES.includes(answer.status));
}
