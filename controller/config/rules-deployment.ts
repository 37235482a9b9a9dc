// What no schema can say of one deployment.

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
import { amountRule, placementRule } from "./rules-placement.ts";
import { scalingRule } from "./rules-scaling.ts";
import { hasEnding, MODEL_ENDINGS, MODULE_ENDINGS, parseModuleReference } from "./source-path.ts";

export function deploymentRule(deployment: Field, report: Report): void {
  if (deployment.node.kind !== "map") return;
  sourceRule(deployment, report);
  engineRule(deployment, report);
  batchRule(deployment, report);
  hedgingRule(deployment, report);
  resourcesRule(deployment, report);
  placementRule(deployment, report);
  scalingRule(deployment, report);
}

/** Exactly one of `model` and `module`, with an ending we know. */
function sourceRule(deployment: Field, report: Report): void {
  const model = fieldOf(deployment, "model");
  const module = fieldOf(deployment, "module");
  if (model === undefined && module === undefined) {
    report(deployment, { found: "neither model nor module", wanted: "one of them" });
  }
  if (model !== undefined && module !== undefined) {
    const later = module.keyAt.line >= model.keyAt.line ? module : model;
    report(later, { found: "both model and module", wanted: "one of them", at: "key" });
    return;
  }
  const modelPath = stringOf(model);
  if (model !== undefined && modelPath !== undefined && fieldOf(deployment, "engine") === undefined) {
    if (!hasEnding(modelPath, MODEL_ENDINGS)) {
      const wanted = `a file that ends in ${MODEL_ENDINGS.join(", ")}, or an engine beside it`;
      report(model, { found: quote(modelPath), wanted });
    }
  }
  const modulePath = stringOf(module);
  if (module !== undefined && modulePath !== undefined) {
    if (!hasEnding(parseModuleReference(modulePath).path, MODULE_ENDINGS)) {
      const wanted = `a file that ends in ${MODULE_ENDINGS.join(", ")}, with or without ":" and the name of an export`;
      report(module, { found: quote(modulePath), wanted });
    }
  }
}

/** What is only for models, and what is only for modules. */
function engineRule(deployment: Field, report: Report): void {
  const isModel = fieldOf(deployment, "model") !== undefined;
  const isModule = fieldOf(deployment, "module") !== undefined;
  const engine = fieldOf(deployment, "engine");
  const name = stringOf(engine);
  if (isModel === isModule) return;
  if (engine !== undefined && name !== undefined && (name === "module") !== isModule) {
    report(engine, {
      found: quote(name),
      wanted: `an engine for the ${isModule ? "module" : "model"} beside it`,
    });
  }
  const options = fieldOf(deployment, "engine_options");
  if (isModule && fieldsOf(options).length > 0 && options !== undefined) {
    const wanted = "none for a module; user_config reaches its code";
    report(options, { found: "engine_options", wanted, at: "key" });
  }
  const idempotent = fieldOf(deployment, "idempotent");
  if (isModel && idempotent !== undefined) {
    const wanted = "it only beside module; a model's requests may always run again";
    report(idempotent, { found: "idempotent", wanted, at: "key" });
  }
}

/** A replica must be able to hold one full batch. */
function batchRule(deployment: Field, report: Report): void {
  const ongoing = fieldOf(deployment, "max_ongoing_requests");
  const requests = numberOf(ongoing);
  const rows = numberOf(fieldOf(fieldOf(deployment, "batching"), "max_batch_size"));
  if (ongoing === undefined || requests === undefined || rows === undefined || requests >= rows) return;
  report(ongoing, { found: String(requests), wanted: `at least batching.max_batch_size, ${rows}` });
}

/** A request may only run twice where that does no harm. */
function hedgingRule(deployment: Field, report: Report): void {
  const hedging = fieldOf(deployment, "hedging");
  if (hedging === undefined || fieldOf(deployment, "module") === undefined) return;
  const idempotent = fieldOf(deployment, "idempotent");
  if (idempotent !== undefined && scalarOf(idempotent) === true) return;
  const wanted = "it only for a model, or a module with idempotent: true: its requests may run twice";
  report(hedging, { found: "hedging", wanted, at: "key" });
}

function resourcesRule(deployment: Field, report: Report): void {
  const ours = fieldOf(deployment, "resources");
  const rays = fieldOf(deployment, "ray_actor_options");
  if (ours !== undefined && rays !== undefined) {
    const later = rays.keyAt.line >= ours.keyAt.line ? rays : ours;
    report(later, { found: "both resources and ray_actor_options", wanted: "one of them", at: "key" });
  }
  for (const section of [ours, rays]) {
    const amounts = [
      fieldOf(section, "num_cpus"),
      fieldOf(section, "num_gpus"),
      ...fieldsOf(fieldOf(section, "custom")),
      ...fieldsOf(fieldOf(section, "resources")),
    ];
    for (const amount of amounts) amountRule(amount, report);
  }
}
