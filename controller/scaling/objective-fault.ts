// What is wrong with an objective by what gateways have learnt, also where load does not decide about replicas.

import type { DeploymentConfig } from "../config/index.ts";
import type { GatewayLoad } from "../routing/index.ts";
import { KnownService } from "./known-service.ts";

/** Below the time of one row nothing can meet it; batches are made for three times that then (`dispatch/service-record.ts`). */
export function objectiveFault(
  { latencySloMs }: Pick<DeploymentConfig, "latencySloMs">,
  loads: Iterable<GatewayLoad>,
): string | undefined {
  if (latencySloMs === undefined) return undefined;
  const oneRowMs = new KnownService([...loads].flatMap(({ service }) => service ?? [])).predictMs(1);
  if (oneRowMs === undefined || oneRowMs <= latencySloMs) return undefined;
  return `The objective of ${latencySloMs} ms is below the time of one row, ${Math.round(oneRowMs)} ms; batches are made for three times that time`;
}
