// Which deployment answers a request: the one there is, or a version by the application's traffic.
//
// 1. A version that is taken away while a request's body is read costs the request nothing: another answers.

import type { FastifyReply, FastifyRequest } from "fastify";
import type { Catalog, ServedDeployment, TrafficRouter } from "../../controller/index.ts";
import { ShoalError } from "../../runtime/base/index.ts";
import type { Admission } from "../admission.ts";
import { Visit } from "./visit.ts";

export interface Chosen {
  readonly deployment: ServedDeployment;
  /** Undefined when there was nothing to choose. */
  readonly visit: Visit | undefined;
}

export interface Asked {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly catalog: Catalog;
  readonly admission: Admission;
}

/** How often a request may find its version taken away. */
const MAX_MOVES = 2;

/** A version by the traffic, `stable` where there is none. */
export function chooseVersion(
  router: TrafficRouter | undefined,
  stable: ServedDeployment,
  asked: Asked,
): Chosen {
  const visit = router === undefined ? undefined : Visit.begin(router, asked);
  return { deployment: visit?.deployment ?? stable, visit };
}

/** Runs `attempt` with what `choose` gives, and counts how it ended; again when its version was taken away. */
export async function answerWith<Answer>(
  choose: () => Chosen,
  { admission }: Asked,
  attempt: (chosen: Chosen) => Promise<Answer>,
): Promise<Answer> {
  for (let moves = 0; ; moves++) {
    const chosen = choose();
    const { visit } = chosen;
    if (visit === undefined) return attempt(chosen);
    try {
      const answer = await attempt(chosen);
      visit.over();
      return answer;
    } catch (thrown) {
      visit.failed(thrown);
      const leaving = thrown instanceof ShoalError && thrown.code === "DRAINING";
      const moving = leaving && !visit.isSent && !admission.closed && moves < MAX_MOVES;
      if (!moving) throw thrown; // invariant 1
    }
  }
}
