// An application's state out of its deployments' ones: Ray Serve's names and order of precedence.

import type { PlannedStatus } from "./status.ts";

export type ApplicationState =
  | "NOT_STARTED"
  | "DEPLOYING"
  | "RUNNING"
  | "UNHEALTHY"
  | "DEPLOY_FAILED"
  | "DELETING";

export interface ApplicationStatus {
  readonly state: ApplicationState;
  /** Each deployment that is not as it should be, by name; empty when running. */
  readonly message: string;
}

export interface ApplicationView {
  readonly deleting: boolean;
  /** By name; undefined for one that has never been planned. */
  readonly deployments: ReadonlyMap<string, PlannedStatus | undefined>;
}

export function applicationStatus({ deleting, deployments }: ApplicationView): ApplicationStatus {
  const known = [...deployments].flatMap(([name, status]) =>
    status === undefined ? [] : [{ name, status }],
  );
  const telling = (states: readonly PlannedStatus["state"][]): string =>
    known
      .filter(({ status }) => states.includes(status.state) && status.message !== "")
      .map(({ name, status }) => `${name}: ${status.message}`)
      .join("; ");
  const has = (state: PlannedStatus["state"]): boolean => known.some(({ status }) => status.state === state);
  if (deleting) return { state: "DELETING", message: telling(["UPDATING"]) };
  if (known.length === 0) return { state: "NOT_STARTED", message: "" };
  if (has("DEPLOY_FAILED")) return { state: "DEPLOY_FAILED", message: telling(["DEPLOY_FAILED"]) };
  if (has("UNHEALTHY")) return { state: "UNHEALTHY", message: telling(["UNHEALTHY"]) };
  if (has("UPDATING") || known.length < deployments.size)
    return { state: "DEPLOYING", message: telling(["UPDATING"]) };
  // A change of counts leaves what runs running.
  return { state: "RUNNING", message: "" };
}
