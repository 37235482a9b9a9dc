// How an application's requests are shared among its deployments as versions of one thing.
//
// Plain data: it is hashed, stored and sent to gateway processes as it is.

export interface TrafficConfig {
  /** V2 model name under which the versions answer together; undefined: only the route is shared. */
  readonly model: string | undefined;
  /** The application's ingress: what stands in for a version that cannot serve, and what a canary is compared with. */
  readonly stable: string;
  /** At least the stable one; names are unique, weights add up to 100. */
  readonly versions: readonly VersionConfig[];
  readonly sticky: StickyConfig;
}

export interface VersionConfig {
  readonly deployment: string;
  /** Percent of the requests that no rule matches, to two digits; 0 for a canary, a shadow, or what only rules reach. */
  readonly weight: number;
  /** A request that fits any of these goes here whatever the weights; the first version that fits has it. */
  readonly match: readonly MatchConfig[];
  readonly canary: CanaryConfig | undefined;
  readonly shadow: ShadowConfig | undefined;
}

/** All of it must fit; at least one header or cookie. The value "*" fits any. */
export interface MatchConfig {
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: Readonly<Record<string, string>>;
}

export type StickyConfig =
  | { readonly kind: "none" }
  /** A cookie that we set names the session. */
  | { readonly kind: "cookie"; readonly name: string; readonly maxAgeMs: number }
  /** The value of this header, in lower case, names whoever asks. */
  | { readonly kind: "header"; readonly name: string };

export interface CanaryConfig {
  /** Shares of the stable version's weight, percent, rising, each above 0 and below 100; after the last it has all. */
  readonly steps: readonly number[];
  /** The least time at each step. */
  readonly intervalMs: number;
  /** Requests that the canary must have answered at a step before it may go on. */
  readonly minRequests: number;
  /** Share of failed requests, 0 to 1, that it may have. */
  readonly maxErrorRate: number;
  /** How many times the stable version's its median and 95th percentile of latency may be. */
  readonly maxLatencyRatio: number;
}

export interface ShadowConfig {
  /** Percent of the requests that are copied, above 0. */
  readonly percent: number;
  /** Of floating-point outputs: |a - b| ≤ absolute + relative × |expected|. */
  readonly relativeTolerance: number;
  readonly absoluteTolerance: number;
  /** Copies under way at a time, per gateway process; one more is not made. */
  readonly maxOngoingRequests: number;
}
