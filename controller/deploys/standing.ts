// What is wanted of one application, with the release that asked for it.

import type { ApplicationConfig } from "../config/index.ts";
import type { Release, ReleaseContent } from "../store/index.ts";
import { type Contents, contentsOf } from "./contents.ts";
import type { Version } from "./difference.ts";

/** An application as somebody wants it, looked at on this machine. */
export interface Candidate extends Version {
  readonly content: ReleaseContent;
  /** By deployment, the path of the file that is not there. */
  readonly missing: ReadonlyMap<string, string>;
}

export interface Standing extends Candidate {
  readonly release: Release;
}

export async function candidateOf(config: ApplicationConfig, content: ReleaseContent): Promise<Candidate> {
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
    config,
    content,
    contents: new Map(found.map(([name, { hash }]) => [name, hash])),
    missing: new Map(found.flatMap(([name, { missing }, path]) => (missing ? [[name, path] as const] : []))),
  };
}
