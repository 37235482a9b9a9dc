// One request while it is open at the door: counted in, cancelled when its client goes away, counted out once.
//
// 1. However it ends, the room and the memory of its body and inputs are given back then, if not before.

import type { IncomingMessage } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { InferResult, ServedDeployment, Ticket, Work } from "../../controller/index.ts";
import { freeLarge, systemClock, ShoalError, type Tensor } from "../../runtime/base/index.ts";
import type { Admission } from "../admission.ts";
import { OpenBodies } from "./open-bodies.ts";

type InferWork = Extract<Work, { kind: "infer" }>;

/** Header by which a client of any route says how long it will wait, in milliseconds. */
export const TIMEOUT_HEADER = "x-request-timeout-ms";

const NONE: readonly Tensor[] = [];

export class Exchange {
  #ticket: Ticket | undefined;
  #inputs = NONE;
  #gone = false;
  readonly #request: IncomingMessage;
  readonly #arrivedMs = systemClock.nowMs();

  /** Throws when the server has no room for another open request. */
  constructor(admission: Admission, reply: FastifyReply) {
    admission.enter();
    const { raw } = reply;
    this.#request = reply.request.raw;
    // The connection was silent: that is its client's doing only if there is something to read. Without a listener Node
    // would cut off those that wait for their answer as well.
    raw.on("timeout", () => {
      // Not an end behind what it does not read: the system would keep that for many minutes.
      if (isStalled(raw)) raw.socket?.resetAndDestroy();
    });
    raw.once("close", () => {
      admission.leave();
      if (!raw.writableFinished) {
        this.#gone = true;
        this.#ticket?.cancel(clientGone());
      }
      this.free(); // invariant 1
    });
  }

  /** Puts work into a deployment's queue. Throws CANCELLED when the client went while its request was read. */
  submit(deployment: ServedDeployment, work: Work, timeoutMs: number): Ticket {
    if (this.#gone) throw clientGone();
    this.#ticket = deployment.dispatcher.submit(work, this.#arrivedMs + timeoutMs);
    return this.#ticket;
  }

  /**
   * The result of work that was read from the request's body. Once it is admitted nobody reads the body itself again: it
   * is freed, unless the work has views on it. Where it is not admitted the body stays, for another deployment to read.
   */
  run(deployment: ServedDeployment, work: InferWork, timeoutMs: number): Promise<InferResult> {
    const { result } = this.submit(deployment, work, timeoutMs);
    this.#inputs = work.inputs;
    if (!OpenBodies.views(this.#request, work.inputs)) OpenBodies.free(this.#request);
    return result;
  }

  /** Nobody here looks at its body and inputs again; a replica that is still sent them has pinned them. Idempotent. */
  free(): void {
    OpenBodies.free(this.#request);
    for (const { bytes } of this.#inputs) freeLarge(bytes);
    this.#inputs = NONE;
  }
}

/** Whether the system has not taken all that was written. */
function isStalled({ socket, writableLength }: FastifyReply["raw"]): boolean {
  return writableLength > 0 || (socket?.writableLength ?? 0) > 0;
}

function clientGone(): ShoalError {
  return new ShoalError("CANCELLED", "The client went away before the answer");
}

/** The shortest of what the deployment allows and what the client asked for, in milliseconds. */
export function timeoutMsOf(
  request: FastifyRequest,
  deployment: ServedDeployment,
  timeoutUs?: number,
): number {
  const asked = request.headers[TIMEOUT_HEADER];
  let timeoutMs = deployment.requestTimeoutMs;
  if (asked !== undefined) {
    const headerMs = Number(asked);
    if (!(headerMs > 0)) {
      throw new ShoalError(
        "INVALID_ARGUMENT",
        `Cannot read header ${TIMEOUT_HEADER}: found "${String(asked)}", wanted milliseconds above 0`,
      );
    }
    timeoutMs = Math.min(timeoutMs, headerMs);
  }
  return timeoutUs === undefined ? timeoutMs : Math.min(timeoutMs, timeoutUs / 1_000);
}
