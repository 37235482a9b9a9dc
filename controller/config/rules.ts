// What no schema can say of `shoal.yaml`: what must be unique, what must exist, what cannot go together.
//
// A rule reads the file as it is, with faults or without, so it takes nothing for granted.

import {
  type Field,
  fieldOf,
  fieldsOf,
  numberOf,
  quote,
  type Report,
  type Rule,
  scalarOf,
  stringOf,
} from "../../runtime/base/config/index.ts";
import { DEFAULTS } from "./defaults.ts";
import { deploymentRule } from "./rules-deployment.ts";
import { applicationPolicyRule, externalScalerRule } from "./rules-scaling.ts";
import { trafficRule } from "./rules-traffic.ts";
import { parseBytes } from "./schema-values.ts";

/** First segments of paths that are Shoal's own. */
const RESERVED_SEGMENTS: readonly string[] = ["v2", "-", "openapi.json"];

/** The schema checks these of numbers; this is for text such as "1B". */
const LEAST_BYTES = [
  ["max_body_bytes", 1],
  ["max_decompressed_bytes", 1],
  ["max_open_body_bytes", 1],
  ["max_header_bytes", 1024],
] as const;

export const RULES: readonly Rule[] = [
  (root, report) => unique(applicationsOf(root), { key: "name", default: DEFAULTS.application.name }, report),
  (root, report) =>
    unique(applicationsOf(root), { key: "route_prefix", default: DEFAULTS.application.route_prefix }, report),
  (root, report) => {
    for (const application of applicationsOf(root)) routeRule(application, report);
  },
  (root, report) => unique(applicationsOf(root).flatMap(deploymentsOf), { key: "name" }, report),
  (root, report) => {
    for (const application of applicationsOf(root)) ingressRule(application, report);
  },
  (root, report) => {
    for (const application of applicationsOf(root))
      externalScalerRule(application, deploymentsOf(application), report);
  },
  (root, report) => {
    for (const application of applicationsOf(root))
      applicationPolicyRule(application, deploymentsOf(application), report);
  },
  (root, report) => {
    for (const deployment of applicationsOf(root).flatMap(deploymentsOf)) deploymentRule(deployment, report);
  },
  trafficRules,
  listenersRule,
  limitsRule,
];

function applicationsOf(root: Field): Field[] {
  return fieldsOf(fieldOf(root, "applications"));
}

function deploymentsOf(application: Field): Field[] {
  return fieldsOf(fieldOf(application, "deployments"));
}

/** Complains of each field whose text under `key` an earlier one has. */
function unique(fields: readonly Field[], by: { key: string; default?: string }, report: Report): void {
  const firstLine = new Map<string, number>();
  for (const field of fields) {
    const named = fieldOf(field, by.key);
    const text = named === undefined && field.node.kind === "map" ? by.default : stringOf(named);
    if (text === undefined) continue;
    const at = named ?? field;
    const first = firstLine.get(text);
    if (first === undefined) {
      firstLine.set(text, at.node.line);
      continue;
    }
    const origin = named === undefined ? `, the default ${by.key},` : "";
    const found = `${quote(text)}${origin} again (first on line ${first})`;
    report(at, { found, wanted: `a ${by.key} that no other has` });
  }
}

function routeRule(application: Field, report: Report): void {
  const route = fieldOf(application, "route_prefix");
  const segment = stringOf(route)?.split("/")[1] ?? "";
  if (route === undefined || !RESERVED_SEGMENTS.includes(segment)) return;
  report(route, {
    found: quote(stringOf(route) ?? ""),
    wanted: `a route outside /${segment}, which is Shoal's own`,
  });
}

function ingressRule(application: Field, report: Report): void {
  const ingress = fieldOf(application, "ingress");
  const name = stringOf(ingress);
  if (ingress === undefined || name === undefined) return;
  const names = deploymentsOf(application).map((deployment) => stringOf(fieldOf(deployment, "name")) ?? "");
  if (names.includes(name)) return;
  const known = names
    .filter((one) => one !== "")
    .map(quote)
    .join(", ");
  report(ingress, {
    found: quote(name),
    wanted: `a deployment of this application: ${known || "it has none"}`,
  });
}

/** Each application's own, and names of models that no deployment and no other traffic has. */
function trafficRules(root: Field, report: Report): void {
  const models = applicationsOf(root).flatMap((application) => {
    const traffic = fieldOf(application, "traffic");
    if (traffic === undefined) return [];
    const deployments = deploymentsOf(application);
    const ingress = stringOf(fieldOf(application, "ingress")) ?? stringOf(fieldOf(deployments[0], "name"));
    trafficRule(traffic, { deployments, ingress }, report);
    return fieldOf(traffic, "model") ?? [];
  });
  const taken = new Set(
    applicationsOf(root)
      .flatMap(deploymentsOf)
      .flatMap((deployment) => stringOf(fieldOf(deployment, "name")) ?? []),
  );
  for (const model of models) {
    const name = stringOf(model);
    if (name === undefined) continue;
    if (taken.has(name)) {
      report(model, { found: quote(name), wanted: "a name that no deployment and no other traffic has" });
    }
    taken.add(name);
  }
}

/** Two listeners cannot share a port of one address. */
function listenersRule(root: Field, report: Report): void {
  const keda = fieldOf(root, "keda_options");
  const listeners = [
    listener("http_options", fieldOf(root, "http_options"), DEFAULTS.http),
    listener("admin_options", fieldOf(root, "admin_options"), DEFAULTS.admin),
    ...(keda === undefined ? [] : [listener("keda_options", keda, DEFAULTS.keda)]),
  ];
  for (const [index, one] of listeners.entries()) {
    const other = listeners.slice(0, index).find((before) => collide(before, one));
    const at = one.at ?? other?.at;
    if (other === undefined || at === undefined) continue;
    const named = one.at === undefined ? one.name : other.name;
    report(at, { found: `the port ${one.port} of ${named}.port`, wanted: "a port of its own" });
  }
}

type Listener = ReturnType<typeof listener>;

function collide(one: Listener, other: Listener): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  return (
    one.host === other.host || [one.host, other.host].some((host) => host === "0.0.0.0" || host === "::")
  );
}

function listener(name: string, section: Field | undefined, defaults: { host: string; port: number }) {
  const at = fieldOf(section, "port") ?? (name === "keda_options" ? section : undefined);
  return {
    name,
    at,
    host: stringOf(fieldOf(section, "host")) ?? defaults.host,
    port: numberOf(fieldOf(section, "port")) ?? defaults.port,
  };
}

function limitsRule(root: Field, report: Report): void {
  const limits = fieldOf(fieldOf(root, "http_options"), "limits");
  for (const [key, least] of LEAST_BYTES) {
    const field = fieldOf(limits, key);
    const bytes = bytesIn(field);
    if (field === undefined || bytes === undefined || bytes >= least) continue;
    report(field, { found: `${bytes} bytes`, wanted: `at least ${least}` });
  }
  const unpacked = fieldOf(limits, "max_decompressed_bytes");
  const unpackedBytes = bytesIn(unpacked);
  const bodyBytes = bytesIn(fieldOf(limits, "max_body_bytes")) ?? DEFAULTS.limits.max_body_bytes;
  if (unpacked === undefined || unpackedBytes === undefined || unpackedBytes >= bodyBytes) return;
  report(unpacked, { found: `${unpackedBytes} bytes`, wanted: `at least max_body_bytes, ${bodyBytes}` });
}

function bytesIn(field: Field | undefined): number | undefined {
  const value = scalarOf(field);
  if (typeof value !== "number" && typeof value !== "string") return undefined;
  const bytes = parseBytes(value);
  return Number.isFinite(bytes) ? bytes : undefined;
}
