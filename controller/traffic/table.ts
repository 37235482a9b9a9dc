// What a gateway needs to share an application's requests: plain data, made by the controller, sent to every gateway
// process as it is. Versions are told by their index here; `versions` changes only with the config.

import type { MatchConfig, StickyConfig } from "../config/index.ts";

/** Shares are counted in 1/100 of a percent: slots that a request falls into by its session, or by chance. */
export const SLOTS = 10_000;

export interface TrafficTable {
  readonly application: string;
  /** V2 model name of all versions together; null when only the route is shared. */
  readonly model: string | null;
  /** Goes up with each table of this application, while its traffic lasts. */
  readonly revision: number;
  /** Index of the stable version. */
  readonly stable: number;
  /** At most 255. */
  readonly versions: readonly TableVersion[];
  /** Who has which slots, in order; the lengths add up to SLOTS. */
  readonly slots: readonly SlotRun[];
  /** The first that fits decides. */
  readonly rules: readonly (MatchConfig & { readonly version: number })[];
  readonly sticky: StickyConfig;
  readonly shadows: readonly TableShadow[];
}

export interface TableVersion {
  readonly deployment: string;
  /** Who answers in its place: itself, or the stable version while it cannot answer. */
  readonly answers: number;
}

export interface SlotRun {
  readonly version: number;
  readonly length: number;
}

export interface TableShadow {
  readonly version: number;
  /** Of SLOTS requests, how many are copied. */
  readonly parts: number;
  readonly relativeTolerance: number;
  readonly absoluteTolerance: number;
  readonly maxOngoingRequests: number;
}
