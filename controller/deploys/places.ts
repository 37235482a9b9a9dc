// What a config names of this machine, checked before a deploy to a running server: files that must be there, resources
// that some node must have. At the start of a server neither is asked: what can be served is.

import { type Field, fieldOf, fieldsOf, type Rule, stringOf } from "../../runtime/base/config/index.ts";
import type { ResourceTotals } from "../../runtime/core/index.ts";
import type { DeploymentConfig } from "../config/index.ts";

export interface Machine {
  /** Deployments whose file is not there, with its path. */
  readonly missing: ReadonlyMap<string, string>;
  /** The same of the module of its policy. */
  readonly missingPolicies: ReadonlyMap<string, string>;
  readonly resources: ResourceTotals;
  /** As decoded, by name. */
  readonly deployments: ReadonlyMap<string, DeploymentConfig>;
}

export function machineRule({ missing, missingPolicies, resources, deployments }: Machine): Rule {
  return (root, report) => {
    const applications = fieldsOf(fieldOf(root, "applications"));
    for (const { at, path } of policyFaults(applications, missingPolicies)) report(at, noFile(path));
    for (const field of applications.flatMap((application) =>
      fieldsOf(fieldOf(application, "deployments")),
    )) {
      const name = stringOf(fieldOf(field, "name")) ?? "";
      const path = missing.get(name);
      if (path !== undefined) {
        const at = fieldOf(field, "model") ?? fieldOf(field, "module") ?? field;
        report(at, noFile(path));
      }
      const config = deployments.get(name);
      if (config === undefined) continue;
      for (const [resource, amount] of asked(config)) {
        const { total = 0 } = resources[resource] ?? {};
        if (amount <= total) continue;
        const wanted = `at most the ${total} ${resource} that there are`;
        report(resourceField(field, resource), { found: `${amount} ${resource}`, wanted });
      }
      for (const [resource, amount] of reserved(config)) {
        const { total = 0 } = resources[resource] ?? {};
        if (amount <= total) continue;
        const wanted = `at most the ${total} ${resource} that there are`;
        const at = fieldOf(field, "placement_group_bundles") ?? field;
        report(at, { found: `bundles of ${amount} ${resource} together`, wanted });
      }
    }
  };
}

function noFile(path: string): { readonly found: string; readonly wanted: string } {
  return { found: `no file ${JSON.stringify(path)}`, wanted: "a file that is there" };
}

interface PolicyFault {
  readonly at: Field;
  readonly path: string;
}

/** Where policies stand of which the file is not there; an application's once for all that it decides about. */
function policyFaults(
  applications: readonly Field[],
  missing: ReadonlyMap<string, string>,
): Iterable<PolicyFault> {
  const faults = new Map<string, PolicyFault>();
  for (const application of applications) {
    const shared = fieldOf(fieldOf(application, "autoscaling_policy"), "policy_function");
    for (const field of fieldsOf(fieldOf(application, "deployments"))) {
      const path = missing.get(stringOf(fieldOf(field, "name")) ?? "");
      const at = fieldOf(fieldOf(field, "autoscaling_config"), "policy") ?? shared ?? field;
      if (path !== undefined) faults.set(at.path, { at, path });
    }
  }
  return faults.values();
}

/** Of a resource, the runtime counts ten-thousandths. */
const PARTS = 10_000;

/** In the runtime's names, as the file's. */
function asked({ resources }: Pick<DeploymentConfig, "resources">): [string, number][] {
  const { numCpus, numGpus, memoryBytes, custom } = resources;
  return [["num_cpus", numCpus], ["num_gpus", numGpus], ["memory", memoryBytes], ...Object.entries(custom)];
}

/** What the placement group of one replica takes in all. Whether its bundles find nodes is the runtime's to say. */
function reserved({ placementGroup }: DeploymentConfig): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const resources of placementGroup?.bundles ?? []) {
    for (const [resource, amount] of asked({ resources })) {
      const sum = (sums.get(resource) ?? 0) + amount;
      sums.set(resource, Math.round(sum * PARTS) / PARTS);
    }
  }
  return sums;
}

/** Where it stands in the file; the deployment itself when it is a default. */
function resourceField(deployment: Field, resource: string): Field {
  const section = fieldOf(deployment, "resources") ?? fieldOf(deployment, "ray_actor_options");
  const custom = fieldOf(section, "custom") ?? fieldOf(section, "resources");
  return fieldOf(section, resource) ?? fieldOf(custom, resource) ?? deployment;
}
