// V2 models by name: a deployment under its own, or the versions of an application's traffic under one.

import type { Catalog, ServedDeployment, TrafficRouter } from "../../controller/index.ts";
import { ShoalError } from "../../runtime/base/index.ts";

export interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

export interface Model {
  readonly name: string;
  /** Those that the request may mean; the first speaks for all of them. */
  readonly versions: readonly [ServedDeployment, ...ServedDeployment[]];
  /** Who chooses among the versions; undefined when the request names one, or there is only one. */
  readonly router: TrafficRouter | undefined;
}

/** A deployment that takes tensors, or might once it has loaded. */
export function isModel(deployment: ServedDeployment): boolean {
  return deployment.takes.infer || deployment.signature === undefined;
}

/** Every name under which tensors are taken. */
export function modelsOf(catalog: Catalog): readonly Model[] {
  const alone = catalog.deployments().filter(isModel);
  const together = catalog.trafficRouters().flatMap((router) => {
    const { model } = router.table;
    return model === null ? [] : (versionsOf(catalog, router, { model }) ?? []);
  });
  return [...alone.map(aloneOf), ...together];
}

/** Throws NOT_FOUND, in Triton's words. */
export function findModel(catalog: Catalog, params: ModelParams): Model {
  const { model, version } = params;
  const router = catalog.traffic(model);
  if (router !== undefined) {
    const found = versionsOf(catalog, router, params);
    if (found !== undefined) return found;
  }
  const deployment = catalog.deployment(model);
  if (router === undefined && (deployment === undefined || !isModel(deployment))) {
    throw notFound(`'${shown(model)}' is not found`);
  }
  if (deployment === undefined || (version !== undefined && version !== deployment.version)) {
    throw notFound(`'${shown(model)}' version ${shown(version ?? "1")} is not found`);
  }
  return aloneOf(deployment);
}

function aloneOf(deployment: ServedDeployment): Model {
  return { name: deployment.name, versions: [deployment], router: undefined };
}

/** The stable version first; those of shadows are no versions that answer. Undefined when there is none such. */
function versionsOf(
  catalog: Catalog,
  router: TrafficRouter,
  { model, version }: ModelParams,
): Model | undefined {
  const { versions, stable, shadows } = router.table;
  const known = versions.flatMap(({ deployment: name }, index) => {
    if (shadows.some((shadow) => shadow.version === index)) return [];
    const deployment = catalog.deployment(name);
    return deployment === undefined || !isModel(deployment) ? [] : [{ deployment, first: index === stable }];
  });
  const [first, ...others] = known
    .sort((a, b) => Number(b.first) - Number(a.first))
    .map(({ deployment }) => deployment)
    .filter((deployment) => version === undefined || deployment.version === version);
  if (first === undefined) return undefined;
  return { name: model, versions: [first, ...others], router: version === undefined ? router : undefined };
}

const MOST_SHOWN = 200;

/** As much of a name as is worth repeating. */
function shown(name: string): string {
  return name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}…` : name;
}

function notFound(what: string): ShoalError {
  return new ShoalError("NOT_FOUND", `Request for unknown model: ${what}`, { verbatim: true });
}
