// What no schema can say of an application's `traffic`: versions that exist, weights that add up, and roles that
// cannot go together.

import {
  type Field,
  fieldOf,
  fieldsOf,
  numberOf,
  quote,
  type Report,
  scalarOf,
  stringOf,
} from "../../runtime/base/config/index.ts";
import { DEFAULTS } from "./defaults.ts";

/** Weights are counted in 1/100 of a percent. */
const PARTS = 100;
/** What adding in floating point may be off by. */
const ROUNDING = 1e-6;

/** What an application is made of, as far as the file says. */
export interface Application {
  readonly deployments: readonly Field[];
  /** Name of the deployment that answers the route. */
  readonly ingress: string | undefined;
}

export function trafficRule(traffic: Field, application: Application, report: Report): void {
  const list = fieldOf(traffic, "versions");
  const versions = fieldsOf(list);
  namesRule(versions, application, report);
  if (list !== undefined && versions.length > 0) weightsRule(list, versions, report);
  for (const version of versions) {
    roleRule(version, application, report);
    stepsRule(fieldOf(fieldOf(version, "canary"), "steps"), report);
    digitsRule(fieldOf(version, "weight"), report);
    digitsRule(fieldOf(fieldOf(version, "shadow"), "percent"), report);
    for (const match of fieldsOf(fieldOf(version, "match"))) matchRule(match, report);
  }
  oneCanaryRule(versions, report);
  stableRule(traffic, { versions, ingress: application.ingress }, report);
  stickyRule(fieldOf(traffic, "sticky"), report);
  if (fieldOf(traffic, "model") !== undefined) versionRule(versions, application, report);
}

function nameOf(version: Field): string | undefined {
  return stringOf(fieldOf(version, "deployment"));
}

/** Each is a deployment of the application, once. */
function namesRule(versions: readonly Field[], { deployments }: Application, report: Report): void {
  const known = deployments.flatMap((deployment) => stringOf(fieldOf(deployment, "name")) ?? []);
  const seen = new Set<string>();
  for (const version of versions) {
    const at = fieldOf(version, "deployment");
    const name = stringOf(at);
    if (at === undefined || name === undefined) continue;
    if (!known.includes(name)) {
      const wanted = `a deployment of this application: ${known.map(quote).join(", ") || "it has none"}`;
      report(at, { found: quote(name), wanted });
    } else if (seen.has(name)) {
      report(at, { found: `${quote(name)} again`, wanted: "each deployment once" });
    }
    seen.add(name);
  }
}

function weightsRule(list: Field, versions: readonly Field[], report: Report): void {
  let sum = 0;
  for (const version of versions) {
    const weight = fieldOf(version, "weight");
    const percent = numberOf(weight);
    // A weight that is no number is told of by the schema.
    if (weight !== undefined && percent === undefined) return;
    sum += percent ?? 0;
  }
  if (Math.abs(sum - 100) < ROUNDING) return;
  report(list, { found: `weights that add up to ${Number(sum.toFixed(6))}`, wanted: "100" });
}

/** A canary's share and a shadow's copies are not given by weights. */
function roleRule(version: Field, { ingress }: Application, report: Report): void {
  const canary = fieldOf(version, "canary");
  const shadow = fieldOf(version, "shadow");
  if (canary !== undefined && shadow !== undefined) {
    report(shadow, { found: "both canary and shadow", wanted: "one of them", at: "key" });
    return;
  }
  const special = canary ?? shadow;
  if (special === undefined) return;
  const role = canary === undefined ? "shadow" : "canary";
  const weight = fieldOf(version, "weight");
  if (weight !== undefined && (numberOf(weight) ?? 0) > 0) {
    report(weight, { found: `weight ${String(scalarOf(weight))} beside ${role}`, wanted: "no weight" });
  }
  const match = fieldOf(version, "match");
  if (shadow !== undefined && match !== undefined) {
    report(match, {
      found: "match beside shadow",
      wanted: "one of them: no answer of a shadow is given",
      at: "key",
    });
  }
  if (ingress !== undefined && nameOf(version) === ingress) {
    report(special, { found: `${role} at the ingress`, wanted: `${role} at another deployment`, at: "key" });
  }
}

function stepsRule(steps: Field | undefined, report: Report): void {
  let before = 0;
  for (const step of fieldsOf(steps)) {
    const percent = numberOf(step);
    if (percent === undefined) return;
    if (percent <= before)
      report(step, { found: String(percent), wanted: `more than the step before, ${before}` });
    before = percent;
    digitsRule(step, report);
  }
}

function digitsRule(field: Field | undefined, report: Report): void {
  const percent = numberOf(field);
  if (field === undefined || percent === undefined) return;
  if (Math.abs(percent * PARTS - Math.round(percent * PARTS)) < ROUNDING) return;
  report(field, { found: String(scalarOf(field)), wanted: "at most two digits behind the point" });
}

/** What wants nothing would take everything. */
function matchRule(match: Field, report: Report): void {
  if (match.node.kind !== "map") return;
  if (["headers", "cookies"].some((key) => fieldsOf(fieldOf(match, key)).length > 0)) return;
  report(match, { found: "no header and no cookie", wanted: "at least one" });
}

function oneCanaryRule(versions: readonly Field[], report: Report): void {
  const [, second] = versions.flatMap((version) => fieldOf(version, "canary") ?? []);
  if (second === undefined) return;
  report(second, { found: "a second canary", wanted: "one at a time", at: "key" });
}

/** The ingress is the stable version: what is compared with must have requests. */
function stableRule(
  traffic: Field,
  { versions, ingress }: { readonly versions: readonly Field[]; readonly ingress: string | undefined },
  report: Report,
): void {
  if (ingress === undefined || versions.length === 0) return;
  const stable = versions.find((version) => nameOf(version) === ingress);
  if (stable === undefined) {
    const found = `no version with the ingress, ${quote(ingress)}`;
    report(fieldOf(traffic, "versions") ?? traffic, { found, wanted: "it among them: it is the stable one" });
    return;
  }
  const weight = fieldOf(stable, "weight");
  const canary = versions.some((version) => fieldOf(version, "canary") !== undefined);
  if (!canary || (numberOf(weight) ?? 0) > 0) return;
  report(weight ?? stable, {
    found: `weight ${String(scalarOf(weight) ?? 0)} of the ingress beside a canary`,
    wanted: "a weight above 0: a canary has its share from the ingress",
  });
}

function stickyRule(sticky: Field | undefined, report: Report): void {
  if (sticky?.node.kind !== "map") return;
  const cookie = fieldOf(sticky, "cookie");
  const header = fieldOf(sticky, "header");
  if ((cookie === undefined) === (header === undefined)) {
    const found = cookie === undefined ? "neither cookie nor header" : "both cookie and header";
    report(sticky, { found, wanted: "one of them" });
  }
  const maxAge = fieldOf(sticky, "max_age_s");
  if (maxAge !== undefined && cookie === undefined) {
    report(maxAge, { found: "max_age_s", wanted: "it only beside cookie", at: "key" });
  }
}

/** Under one V2 model name, V2 versions tell the versions apart. */
function versionRule(versions: readonly Field[], { deployments }: Application, report: Report): void {
  const first = new Map<string, string>();
  for (const version of versions) {
    const name = nameOf(version);
    const deployment = deployments.find((one) => stringOf(fieldOf(one, "name")) === name);
    if (name === undefined || deployment === undefined) continue;
    const field = fieldOf(deployment, "version");
    const number = String(scalarOf(field) ?? DEFAULTS.deployment.version);
    const other = first.get(number);
    if (other === undefined) {
      first.set(number, name);
    } else if (other !== name) {
      const found = `version ${quote(number)} again (first of ${quote(other)})`;
      report(field ?? deployment, { found, wanted: "a version of its own, since traffic.model joins them" });
    }
  }
}
