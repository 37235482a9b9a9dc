// What `plan` asks for. Whoever applies an action changes the view of the replicas at once, before the work is done:
//
//   start        adds the replica, PENDING_ALLOCATION or STARTING
//   reconfigure  makes it UPDATING; then RUNNING with the new revision and `configuredMs`, or RECONFIGURE_FAILED
//   retire       makes it RUNNING again, with the old revision, and `leaving`
//   stop         makes it STOPPING; when it has ended it is gone
//   forget       it is gone

import type { Revision } from "./version.ts";

export type Action =
  | {
      readonly kind: "start";
      /** Never used before by this deployment. */
      readonly id: string;
      readonly revision: Revision;
      readonly reason: string;
    }
  | {
      readonly kind: "reconfigure";
      readonly id: string;
      readonly revision: Revision;
      readonly reason: string;
    }
  | { readonly kind: "retire"; readonly id: string; readonly reason: string }
  | {
      readonly kind: "stop";
      readonly id: string;
      /** How long what runs may finish; 0 for what serves nobody. */
      readonly graceMs: number;
      readonly reason: string;
    }
  | { readonly kind: "forget"; readonly id: string; readonly reason: string };
