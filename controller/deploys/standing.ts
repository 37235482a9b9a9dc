// What is wanted of one application, with the release that asked for it.

import type { ApplicationConfig, DeploymentConfig } from "../config/index.ts";
import type { Release, ReleaseContent } from "../store/index.ts";
import { type Contents, contentsOf } from "./contents.ts";
import type { Version } from "./difference.ts";

/** An application as somebody wants it, looked at on this machine. */
export interface Candidate extends Version {
  readonly content: ReleaseContent;
  /** By deployment, the path of the file that is not there. */
  readonly missing: ReadonlyMap<string, string>;
  /** The same of the module that decides about its replicas. */
  readonly missingPolicies: ReadonlyMap<string, string>;
}

export interface Standing extends Candidate {
  readonly release: Release;
}

export async function candidateOf(config: ApplicationConfig, content: ReleaseContent): Promise<Candidate> {
  const policies = await Promise.all(config.deployments.map(withPolicyContents));
  const found = await Promise.all(
    config.deployments.map(
      async ({ name, source }): Promise<[string, Contents, string]> => [
        name,
        await contentsOf(source),
        source.path,
      ],
    ),
  );
  return {
    config: { ...config, deployments: policies.map(({ config: deployment }) => deployment) },
    content,
    contents: new Map(found.map(([name, { hash }]) => [name, hash])),
    missing: new Map(found.flatMap(([name, { missing }, path]) => (missing ? [[name, path] as const] : []))),
    missingPolicies: new Map(
      policies.flatMap(({ config: { name }, missing }) =>
        missing === undefined ? [] : [[name, missing] as const],
      ),
    ),
  };
}

/** A user's policy is known by its files too, so that a changed one is another policy. */
async function withPolicyContents(
  config: DeploymentConfig,
): Promise<{ readonly config: DeploymentConfig; readonly missing?: string }> {
  const { scaling } = config;
  if (scaling === undefined || typeof scaling.policy === "string") return { config };
  const { path } = scaling.policy;
  const { hash, missing } = await contentsOf({ engine: "module", path });
  const known = { ...config, scaling: { ...scaling, policy: { ...scaling.policy, contents: hash } } };
  return missing ? { config: known, missing: path } : { config: known };
}
