// What a deploy changes, in the words of the config file, and what each change costs. Pure.

import { isDeepStrictEqual } from "node:util";
import {
  type ApplicationConfig,
  applicationForm,
  type DeploymentConfig,
  deploymentForm,
} from "../config/index.ts";
import { classify } from "../reconcile/index.ts";

/** A key of the file; `before` or `after` is missing where the key is. */
export interface FieldChange {
  /** Below the application or the deployment, such as `batching.max_batch_size`. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface DeploymentChange {
  readonly name: string;
  readonly change: "added" | "changed" | "removed";
  /** `light`: replicas notice nothing; `reconfigure`: they are told; `heavy`: new ones take their place. */
  readonly cost: "light" | "reconfigure" | "heavy";
  readonly fields: readonly FieldChange[];
  /** The files it names are not what they were. */
  readonly files: boolean;
}

export interface ApplicationChange {
  readonly application: string;
  /** `retried`: nothing changed, but what is wanted has failed. */
  readonly change: "added" | "changed" | "retried" | "unchanged" | "removed";
  /** Of the application itself. */
  readonly fields: readonly FieldChange[];
  readonly deployments: readonly DeploymentChange[];
}

export interface Version {
  readonly config: ApplicationConfig;
  /** By deployment. */
  readonly contents: ReadonlyMap<string, string>;
}

export function differenceOf(
  application: string,
  before: (Version & { readonly failed: boolean }) | undefined,
  after: Version | undefined,
): ApplicationChange {
  const fields = fieldChanges(ownForm(before?.config), ownForm(after?.config));
  const olds = byName(before?.config);
  const news = byName(after?.config);
  const names = new Set([...news.keys(), ...olds.keys()]);
  const deployments = [...names].flatMap((name): DeploymentChange[] => {
    const files = before?.contents.get(name) !== after?.contents.get(name);
    return deploymentChange(name, { old: olds.get(name), now: news.get(name), files });
  });
  const change = {
    application,
    fields: before === undefined || after === undefined ? [] : fields,
    deployments,
  };
  if (after === undefined) return { ...change, change: "removed" };
  if (before === undefined) return { ...change, change: "added" };
  if (fields.length + deployments.length > 0) return { ...change, change: "changed" };
  return { ...change, change: before.failed ? "retried" : "unchanged" };
}

interface Sides {
  readonly old: DeploymentConfig | undefined;
  readonly now: DeploymentConfig | undefined;
  readonly files: boolean;
}

function deploymentChange(name: string, { old, now, files }: Sides): DeploymentChange[] {
  if (old === undefined) return [{ name, change: "added", cost: "heavy", fields: [], files: false }];
  if (now === undefined) return [{ name, change: "removed", cost: "heavy", fields: [], files: false }];
  const { class: cost } = classify(old, now);
  if (cost === "none" && !files) return [];
  const fields = fieldChanges({ ...deploymentForm(old) }, { ...deploymentForm(now) });
  const costs = cost === "light" || cost === "reconfigure" ? cost : "heavy";
  const policy = policyContentsOf(old) !== policyContentsOf(now);
  return [{ name, change: "changed", cost: files ? "heavy" : costs, fields, files: files || policy }];
}

function policyContentsOf({ scaling }: DeploymentConfig): string | undefined {
  return scaling === undefined || typeof scaling.policy === "string" ? undefined : scaling.policy.contents;
}

function byName(config: ApplicationConfig | undefined): Map<string, DeploymentConfig> {
  return new Map((config?.deployments ?? []).map((deployment) => [deployment.name, deployment]));
}

/** The application's own keys. */
function ownForm(config: ApplicationConfig | undefined): Readonly<Record<string, unknown>> {
  if (config === undefined) return {};
  const { deployments: _, ...own } = applicationForm(config);
  return own;
}

type Form = Readonly<Record<string, unknown>>;

/** Maps are gone into, lists are compared whole. */
export function fieldChanges(before: Form, after: Form, under = ""): FieldChange[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key): FieldChange[] => {
    const [old, now] = [before[key], after[key]];
    if (isDeepStrictEqual(old, now)) return [];
    const path = under === "" ? key : `${under}.${key}`;
    if (isMap(old) && isMap(now)) return fieldChanges(old, now, path);
    return [
      {
        path,
        ...(old === undefined ? {} : { before: old }),
        ...(now === undefined ? {} : { after: now }),
      },
    ];
  });
}

function isMap(value: unknown): value is Form {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
