// What a worker submits is of its own environment, with what was asked for laid over it, as in Ray.

import type { EnvironmentData, FromWorker, WireTaskSpec } from "../workers/messages.ts";
import { mergeEnvironments } from "./runtime-env.ts";

export function inheritEnvironment(message: FromWorker, parent: EnvironmentData): FromWorker {
  if (message.type === "submit") return { ...message, spec: inherit(message.spec, parent) };
  if (message.type === "ask" && message.ask.kind === "create") {
    return { ...message, ask: { ...message.ask, spec: inherit(message.ask.spec, parent) } };
  }
  return message;
}

function inherit(spec: WireTaskSpec, parent: EnvironmentData): WireTaskSpec {
  if (spec.work.kind === "call") return spec;
  const environment = mergeEnvironments(parent, spec.placement.environment);
  return environment === undefined ? spec : { ...spec, placement: { ...spec.placement, environment } };
}
