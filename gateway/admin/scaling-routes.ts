// How many replicas a deployment has and why, and Ray Serve's way to say it from outside: `POST …/scale`.
//
// 1. A number that is accepted is in the store before the answer.

import { Type } from "typebox";
import { Check } from "typebox/value";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Controller, Deploys } from "../../controller/index.ts";
import { ShoalError } from "../../runtime/base/index.ts";
import { askedBy } from "./asked-by.ts";
import { type ScalingView, scalingView } from "./scaling-view.ts";

const ONE = "/api/v1/applications/:application/deployments/:deployment";

export function scalingRoutes(app: FastifyInstance, controller: Controller, deploys: Deploys): void {
  app.get(`${ONE}/scaling`, (request): ScalingView => viewOf(controller, placeOf(request)));
  app.post(`${ONE}/scale`, async (request): Promise<ScalingView> => {
    const { application, deployment } = placeOf(request);
    const replicas = replicasOf(request);
    const { author } = askedBy(request);
    const answer = await deploys.scale(application, deployment, { replicas, author });
    switch (answer.kind) {
      case "scaled":
        return viewOf(controller, { application, deployment });
      case "unknown":
        throw unknown(answer.what, answer.what === "application" ? application : deployment);
      case "not enabled":
        throw new ShoalError(
          "PERMISSION_DENIED",
          `Cannot scale "${deployment}": its application "${application}" has no external_scaler_enabled: true`,
          { verbatim: true },
        );
    }
  });
}

interface Place {
  readonly application: string;
  readonly deployment: string;
}

const Place = Type.Object({ application: Type.String(), deployment: Type.String() });
const MOST_REPLICAS = 1024;
const ScaleBody = Type.Object(
  { target_num_replicas: Type.Integer({ minimum: 0, maximum: MOST_REPLICAS }) },
  { additionalProperties: false },
);

function placeOf({ params }: FastifyRequest): Place {
  return Check(Place, params) ? params : { application: "", deployment: "" };
}

function viewOf(controller: Controller, { application, deployment }: Place): ScalingView {
  const view = scalingView(controller, application, deployment);
  if (view !== undefined) return view;
  const there = controller.config.applications.some(({ name }) => name === application);
  throw there ? unknown("deployment", deployment) : unknown("application", application);
}

function unknown(what: "application" | "deployment", name: string): ShoalError {
  const which = what === "application" ? "an application" : "a deployment";
  return new ShoalError("NOT_FOUND", `Cannot find ${which} "${name.slice(0, 128)}"`, { verbatim: true });
}

function replicasOf({ body }: FastifyRequest): number {
  const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : "";
  const wanted = `wanted {"target_num_replicas": <a whole number from 0 to ${MOST_REPLICAS}>}`;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (thrown) {
    throw new ShoalError("INVALID_ARGUMENT", `Cannot scale: found no JSON, ${wanted}`, { cause: thrown });
  }
  if (Check(ScaleBody, found)) return found.target_num_replicas;
  throw new ShoalError("INVALID_ARGUMENT", `Cannot scale: found ${text.slice(0, 80)}, ${wanted}`);
}
