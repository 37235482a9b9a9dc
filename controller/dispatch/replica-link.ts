// The dispatcher's side of one replica: whatever can run a batch. The real one is `ReplicaClient`; tests put a
// fake with knobs in its place.

import type { Dispatcher } from "undici";
import type { ShoalError, Tensor } from "../../runtime/base/index.ts";
import type { Batch } from "./batch.ts";

/** What became of a batch. */
export type BatchOutcome =
  | {
      readonly kind: "done";
      readonly outputs: readonly Tensor[];
      readonly computeNs: readonly [input: number, infer: number, output: number];
      /** Of a web answer: its HTTP status. */
      readonly status?: number;
      /** Gives the memory of the outputs back; whoever reads them last may call it. */
      readonly release?: () => void;
    }
  /** The engine ran it and failed. */
  | { readonly kind: "failed"; readonly error: ShoalError }
  /** The replica did not run it: too late, or draining. */
  | { readonly kind: "refused"; readonly error: ShoalError }
  /** No answer came. `delivered` is false when the replica surely never saw it. */
  | { readonly kind: "lost"; readonly error: ShoalError; readonly delivered: boolean };

export interface ReplicaLink {
  readonly id: string;
  /** Sends one batch of `infer` entries. Never rejects. */
  send(batch: Batch): Promise<BatchOutcome>;
  /** Connections to the replica, for web requests. */
  readonly connections: Dispatcher;
  /** What each request carries for the replica, name and value in turn. */
  readonly headers?: readonly string[];
}
