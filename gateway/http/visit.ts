// One request on its way to a version: which one, what of it the client is told, and what is counted when it is over.
//
// 1. What is counted is what the version did: clients that leave, a server that drains and a door that is full say
//    nothing of it.
// 2. Requests that a rule sent here are counted apart: they come from another public than the others.

import { randomUUID } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Catalog, ServedDeployment, TrafficRouter, VersionOutcome } from "../../controller/index.ts";
import { asShoalError, type ErrorCode, systemClock } from "../../runtime/base/index.ts";

/** Tells the client which deployment answered. */
export const DEPLOYMENT_HEADER = "x-shoal-deployment";

/** Invariant 1. */
const NOT_ITS_DOING: readonly ErrorCode[] = ["CANCELLED", "DRAINING", "OVERLOADED", "REQUEST_TIMEOUT"];

interface Coming {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly catalog: Catalog;
}

export class Visit {
  readonly router: TrafficRouter;
  readonly deployment: ServedDeployment;
  /** What the answer carries besides its own headers, name and value in turn. */
  readonly headers: readonly string[];
  readonly #version: number;
  /** Where it is counted, also when the versions have changed by then. */
  readonly #meter: TrafficRouter["meter"];
  readonly #matched: boolean;
  #sentMs: number | undefined;
  #latencyMs: number | undefined;
  #outcome: VersionOutcome = "answered";

  private constructor(
    router: TrafficRouter,
    deployment: ServedDeployment,
    chosen: { readonly version: number; readonly matched: boolean; readonly headers: readonly string[] },
  ) {
    this.router = router;
    this.deployment = deployment;
    this.headers = chosen.headers;
    this.#version = chosen.version;
    this.#matched = chosen.matched;
    this.#meter = router.meter;
  }

  /** Chooses a version; undefined when its deployment is gone, which a newer table will know. */
  static begin(router: TrafficRouter, { request, reply, catalog }: Coming): Visit | undefined {
    const { chooser, table } = router;
    const { headers } = request;
    let version = chooser.matched(headers);
    const matched = version !== undefined;
    let session: string | undefined;
    if (version === undefined) {
      let key = chooser.sessionOf(headers);
      if (key === undefined && chooser.sticky.kind === "cookie") key = session = randomUUID();
      version = key === undefined ? chooser.byChance(Math.random()) : chooser.ofSession(key);
    }
    const name = table.versions[version]?.deployment ?? "";
    const deployment = catalog.deployment(name);
    if (deployment === undefined) return undefined;
    const told = [DEPLOYMENT_HEADER, name];
    if (session !== undefined && chooser.sticky.kind === "cookie") {
      told.push("set-cookie", cookieOf(chooser.sticky, session));
    }
    for (let index = 0; index + 1 < told.length; index += 2) {
      reply.raw.setHeader(told[index] ?? "", told[index + 1] ?? "");
    }
    return new Visit(router, deployment, { version, matched, headers: told });
  }

  /** It has been admitted to the version's queue: from then on its body belongs to that one. */
  get isSent(): boolean {
    return this.#sentMs !== undefined;
  }

  sent(): void {
    this.#sentMs = systemClock.nowMs();
  }

  /** The answer is there, or begins; `status` of a module's own. */
  answered(status = 200): void {
    const nowMs = systemClock.nowMs();
    this.#latencyMs = nowMs - (this.#sentMs ?? nowMs);
    this.#outcome = status >= 500 ? "failed" : status >= 400 ? "refused" : "answered";
  }

  /** The answer is over, or there is none; counted once. */
  over(): void {
    if (this.#latencyMs === undefined) return;
    this.#count(this.#outcome, this.#latencyMs);
    this.#latencyMs = undefined;
  }

  /** The request failed, before its answer began or within it. */
  failed(thrown: unknown): void {
    this.#latencyMs = undefined;
    const { code, kind } = asShoalError(thrown);
    if (NOT_ITS_DOING.includes(code)) return;
    this.#count(kind.httpStatus >= 500 || code === "QUEUE_FULL" ? "failed" : "refused", 0);
  }

  #count(outcome: VersionOutcome, latencyMs: number): void {
    if (this.#matched)
      this.#meter.countMatched(this.#version); // invariant 2
    else this.#meter.count(this.#version, outcome, latencyMs);
  }
}

/** For every path: the V2 routes and the application's share it. No script needs to read it. */
function cookieOf(
  { name, maxAgeMs }: { readonly name: string; readonly maxAgeMs: number },
  key: string,
): string {
  return `${name}=${key}; Path=/; Max-Age=${Math.ceil(maxAgeMs / 1000)}; HttpOnly; SameSite=Lax`;
}
