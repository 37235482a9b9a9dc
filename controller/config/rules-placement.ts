// What no schema can say of where replicas go.

import {
  type Field,
  fieldOf,
  fieldsOf,
  numberOf,
  type Report,
  scalarOf,
} from "../../runtime/base/config/index.ts";
import { DEFAULTS } from "./defaults.ts";
import { parseBytes } from "./schema-values.ts";

/** Ray's names in a bundle, ours of a replica. */
const NAMES = [
  ["CPU", "num_cpus"],
  ["GPU", "num_gpus"],
  ["memory", "memory"],
] as const;

const UNIT_PARTS = 10_000;

const OURS = new Set(["num_cpus", "num_gpus"]);

export function placementRule(deployment: Field, report: Report): void {
  const bundles = fieldOf(deployment, "placement_group_bundles");
  const strategy = fieldOf(deployment, "placement_group_strategy");
  const most = fieldOf(deployment, "max_replicas_per_node");
  if (bundles === undefined) {
    const wanted = "placement_group_bundles beside it";
    if (strategy !== undefined) report(strategy, { found: "placement_group_strategy", wanted, at: "key" });
    return;
  }
  if (most !== undefined) {
    const found = "max_replicas_per_node beside placement_group_bundles";
    report(most, { found, wanted: "one of them", at: "key" });
  }
  for (const bundle of fieldsOf(bundles)) bundleRule(bundle, report);
  firstRule(deployment, fieldsOf(bundles)[0], report);
}

function bundleRule(bundle: Field, report: Report): void {
  if (bundle.node.kind !== "map") return;
  const amounts = entriesOf(bundle);
  if (amounts.every(([, amount]) => unitsIn(amount) === 0)) {
    report(bundle, { found: "a bundle of nothing", wanted: "some units of a resource" });
  }
  for (const [name, amount] of amounts) {
    if (name !== "memory") amountRule(amount, report);
    if (OURS.has(name)) {
      const wanted = "CPU, GPU, memory, or a name of your own: a bundle has Ray's names";
      report(amount, { found: name, wanted, at: "key" });
    } else if (name !== "memory" && typeof scalarOf(amount) === "string") {
      report(amount, { found: String(scalarOf(amount)), wanted: "a number of units" });
    }
  }
}

/** The replica's own resources are out of the first bundle. */
function firstRule(deployment: Field, first: Field | undefined, report: Report): void {
  if (first === undefined || first.node.kind !== "map") return;
  const resources = fieldOf(deployment, "resources") ?? fieldOf(deployment, "ray_actor_options");
  const own = fieldOf(resources, "custom") ?? fieldOf(resources, "resources");
  const needs = [
    ...NAMES.map(([bundled, ours]) => {
      const field = fieldOf(resources, ours);
      return [bundled, field === undefined ? DEFAULTS.resources[ours] : unitsIn(field)] as const;
    }),
    ...entriesOf(own).map(([name, field]) => [name, numberOf(field) ?? 0] as const),
  ];
  for (const [name, needed] of needs) {
    const field = fieldOf(first, name);
    const has = field === undefined ? 0 : unitsIn(field);
    if (has >= needed) continue;
    const found = `${has} ${name} in the first bundle`;
    report(field ?? first, { found, wanted: `at least what the replica asks for, ${needed}` });
  }
}

/** Resources are counted in whole 1/10,000 of a unit. */
export function amountRule(amount: Field | undefined, report: Report): void {
  const units = numberOf(amount);
  if (amount === undefined || units === undefined) return;
  const parts = units * UNIT_PARTS;
  if (Math.abs(parts - Math.round(parts)) < 1e-6) return;
  report(amount, { found: String(scalarOf(amount)), wanted: "at most four digits behind the point" });
}

function entriesOf(map: Field | undefined): [string, Field][] {
  if (map?.node.kind !== "map") return [];
  return [...map.node.entries.keys()].flatMap((key): [string, Field][] => {
    const field = fieldOf(map, key);
    return field === undefined ? [] : [[key, field]];
  });
}

function unitsIn(field: Field): number {
  const value = scalarOf(field);
  if (typeof value === "number") return value;
  const bytes = typeof value === "string" ? parseBytes(value) : 0;
  return Number.isFinite(bytes) ? bytes : 0;
}
