// A request to a deployment that was scaled to none before this gateway knew it: held until a replica has loaded it.

import type { FastifyReply, FastifyRequest } from "fastify";
import type { ServedDeployment } from "../../controller/index.ts";
import { timeoutMsOf } from "./exchange.ts";

/** Resolves at once where nothing is to be waited for. Rejects with QUEUE_FULL, DEADLINE_EXCEEDED or CANCELLED. */
export async function awaken(
  deployment: ServedDeployment,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const gone = new AbortController();
  const waiting = deployment.whenLoaded(timeoutMsOf(request, deployment), gone.signal);
  if (waiting === undefined) return;
  const leave = (): void => gone.abort();
  reply.raw.once("close", leave);
  try {
    await waiting;
  } finally {
    reply.raw.off("close", leave);
  }
}
