// What an application serves after a release of it has failed, and how to take it back. Pure.
//
// The server rolls back deployment by deployment: those that came to run keep what was asked for.

import type { ApplicationStatusView, DeploymentStatusView } from "../gateway/index.ts";

/** A sentence for people; undefined when no release failed, or nothing ran before it. */
export function leftBehind({ name, release, deployments }: ApplicationStatusView): string | undefined {
  if (release?.outcome !== "failed") return undefined;
  const all = Object.values(deployments);
  const old = all.filter(servesFormer).map((deployment) => deployment.name);
  if (old.length === 0) return undefined;
  const serve = `${old.join(" and ")} ${old.length === 1 ? "serves" : "serve"} what ran before`;
  const back = `"shoal serve rollback ${name}"`;
  if (old.length === all.length) return `${serve}; ${back} makes that what is wanted`;
  const others = all.filter((deployment) => !servesFormer(deployment)).map((deployment) => deployment.name);
  return `${serve}, but ${others.join(" and ")} what release ${release.release} says; ${back} takes back all of it`;
}

function servesFormer({ status, versions }: DeploymentStatusView): boolean {
  return status === "DEPLOY_FAILED" && versions.serving !== null && versions.serving !== versions.wanted;
}
