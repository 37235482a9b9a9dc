// What a server serves, for whoever runs it.

import type { Controller, ControllerOptions } from "../../controller/index.ts";
import type { Overview, StatusChange } from "./running-server.ts";

export function overviewOf(controller: Controller): Overview {
  return {
    applications: controller.config.applications.map(({ routePrefix, ingress }) => ({
      routePrefix,
      ingress,
      ready: controller.deployment(ingress)?.ready === true,
    })),
    deployments: controller.config.applications
      .flatMap(({ deployments }) => deployments)
      .map(({ name, source }) => ({ source, ready: controller.deployment(name)?.ready === true })),
  };
}

export function statusChange({
  name,
  status,
  info,
}: Parameters<NonNullable<ControllerOptions["onStatus"]>>[0]): StatusChange {
  const { state, message } = status;
  return { name, state, message, ...(info === undefined ? {} : { loadMs: info.loadMs }) };
}
