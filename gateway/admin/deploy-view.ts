// Deploys and releases as the admin listener tells them.

import type { AcceptedChange, Faults, Release } from "../../controller/index.ts";

/** What a deploy changes, or would. */
export interface DeployView {
  readonly applications: readonly AcceptedChange[];
  /** What of it does not take place now. */
  readonly notes: readonly string[];
}

export interface ReleaseView {
  readonly application: string;
  readonly release: number;
  /** ISO 8601. */
  readonly at: string;
  readonly author: string;
  readonly source: string;
  readonly outcome: "deploying" | "running" | "failed" | "superseded";
  /** Why it failed; else empty. */
  readonly reason: string;
  /** When it went back: from which release, to the content of which. */
  readonly rollback: { readonly from: number; readonly to: number } | null;
}

export interface HistoryView {
  /** The newest first, application by application. */
  readonly releases: readonly ReleaseView[];
}

export function releaseView(release: Release): ReleaseView {
  const { application, number, atEpochMs, author, source, outcome, rollback } = release;
  return {
    application,
    release: number,
    at: new Date(atEpochMs).toISOString(),
    author,
    source,
    outcome: outcome.kind,
    reason: outcome.kind === "failed" ? outcome.reason : "",
    rollback: rollback ?? null,
  };
}

/** A config that was refused; with the status 400. */
export interface RefusedView {
  /** Every fault, one a line. */
  readonly error: string;
  readonly code: "INVALID_CONFIG";
  readonly faults: Faults;
}
