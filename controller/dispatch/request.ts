// What the dispatcher is asked to do, and what it answers. Two kinds of work wait in one queue: tensors to
// infer, which may be joined into batches, and whole web requests, which may not.

import type { ShoalError, Tensor } from "../../runtime/base/index.ts";
import type { BatchReason } from "./batch-reason.ts";
import type { Claim } from "./policy.ts";
import type { ReplicaLink } from "./replica-link.ts";

export interface InferWork {
  readonly kind: "infer";
  /** Checked against the model's signature already. Whoever submitted them may free them once the request is settled. */
  readonly inputs: readonly Tensor[];
  /** Names of the outputs wanted; empty means all. */
  readonly outputs: readonly string[];
  /** Size of the batch axis; what `max_batch_size` counts. */
  readonly rows: number;
  /** Requests with equal keys may share a batch; see `joinKey`. */
  readonly joinKey: string;
  readonly claim?: Claim;
}

export interface FetchWork {
  readonly kind: "fetch";
  /**
   * Carries the request to the replica and its answer to the client; the slot is held until it settles. Resolves with the
   * answer's HTTP status, where there is one.
   */
  readonly carry: (replica: ReplicaLink) => Promise<number | undefined>;
  readonly claim?: Claim;
}

/** Thrown by `carry` when the replica surely never saw the request and nothing of it was spent: it may go to another. */
export class NotDelivered extends Error {
  readonly error: ShoalError;

  constructor(error: ShoalError) {
    super(error.message, { cause: error });
    this.error = error;
  }
}

export type Work = InferWork | FetchWork;

/** Nanoseconds spent by a request, in Triton's categories. */
export interface Timings {
  readonly queueNs: number;
  readonly computeInputNs: number;
  readonly computeInferNs: number;
  readonly computeOutputNs: number;
  /** Rows of the batch it ran in. */
  readonly batchRows: number;
}

/** The batch that a request ran in. */
export interface BatchNote {
  readonly requests: number;
  readonly rows: number;
  /** Why it had no more rows. */
  readonly reason: BatchReason;
}

export interface InferResult {
  /** Views on the batch's answer. Empty for web requests. */
  readonly outputs: readonly Tensor[];
  readonly timings: Timings;
  readonly batch: BatchNote;
  /** Gives the memory of the outputs back, once they have been sent. Absent when others share it. */
  readonly release?: () => void;
}

/** A request that was admitted. */
export interface Ticket {
  /** Settles exactly once; rejects with a ShoalError. */
  readonly result: Promise<InferResult>;
  /** Takes the request out of wherever it is and rejects `result` with `reason`. No effect once settled. */
  cancel(reason: ShoalError): void;
  /** The answer has begun to flow: from now on no deadline counts, only the client's presence. */
  liftDeadline(): void;
}

/**
 * The key under which requests may be joined: input names, datatypes and inner shapes, the outputs wanted.
 * Parameters that change the computation belong here too, once an engine takes any.
 */
export function joinKey(inputs: readonly Tensor[], outputs: readonly string[]): string {
  let key = "";
  for (const { name, datatype, shape } of inputs) {
    key += `${name}\0${datatype}`;
    for (let axis = 1; axis < shape.length; axis++) key += `,${shape[axis]}`;
    key += "\0";
  }
  return outputs.length === 0 ? key : `${key}>${outputs.join("\0")}`;
}
