// The Open Inference Protocol V2 over REST: health, metadata, infer, versions, and Triton's repository index and
// statistics.

import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Catalog, InferWork, ServedDeployment } from "../../controller/index.ts";
import { HEADER_LENGTH, ShoalError, SHOAL_VERSION } from "../../runtime/base/index.ts";
import type { Signature } from "../../runtime/engines/index.ts";
import { Admission } from "../admission.ts";
import { awaken } from "./awaken.ts";
import { readBody } from "./body.ts";
import { batchingHeaders, claimOf } from "./claim.ts";
import { Exchange, timeoutMsOf } from "./exchange.ts";
import type { RequestLimits } from "./limits.ts";
import { modelMetadata, repositoryIndex } from "./metadata.ts";
import { findModel, isModel, type ModelParams, modelsOf } from "./models.ts";
import * as schemas from "./openapi-schemas.ts";
import { sendBody } from "./respond.ts";
import { copyToShadows } from "./shadows.ts";
import { statisticsOf } from "./statistics.ts";
import { decodeV2Request } from "./v2-request.ts";
import { encodeV2Response } from "./v2-response.ts";
import { answerWith, type Chosen, chooseVersion } from "./versions.ts";

export interface RouteContext {
  readonly catalog: Catalog;
  readonly admission: Admission;
  readonly limits: RequestLimits;
}

/** Of the body of the repository index, which has one flag in it. */
const INDEX_LIMITS = { maxBodyBytes: 4096, maxDecompressedBytes: 4096 };
const INDEX_TIMEOUT_MS = 10_000;

export function addV2Routes(app: FastifyInstance, context: RouteContext): void {
  const { catalog, admission } = context;
  const ready = (): boolean =>
    !admission.closed && catalog.deployments().every((deployment) => deployment.ready);

  for (const url of ["/v2", "/v2/"]) {
    app.get(url, { schema: schemas.serverMetadata(url) }, () => ({
      name: "shoal",
      version: SHOAL_VERSION,
      extensions: ["binary_tensor_data", "model_repository", "statistics"],
    }));
  }
  app.get("/v2/health/live", { schema: schemas.live }, () => ({ live: true }));
  app.get("/v2/health/ready", { schema: schemas.ready }, (_request, reply) => {
    if (!ready()) reply.status(503);
    return { ready: ready() };
  });
  app.get("/v2/models", { schema: schemas.models }, () => ({
    models: modelsOf(catalog).map(({ name }) => name),
  }));
  app.post("/v2/repository/index", { schema: schemas.repositoryIndex }, async (request, reply) => {
    const _exchange = new Exchange(context.admission, reply);
    const body = await readBody(request.raw, INDEX_LIMITS, INDEX_TIMEOUT_MS);
    return repositoryIndex(modelsOf(catalog), body, context.limits);
  });
  app.get("/v2/models/stats", { schema: schemas.statistics }, () => ({
    model_stats: catalog
      .deployments()
      .filter(isModel)
      .map((deployment) => statisticsOf(deployment.name, deployment)),
  }));

  for (const base of ["/v2/models/:model", "/v2/models/:model/versions/:version"]) {
    const versioned = base.endsWith(":version");
    app.get<{ Params: ModelParams }>(base, { schema: schemas.modelMetadata(versioned) }, (request) => {
      const model = findModel(catalog, request.params);
      return modelMetadata(model, signatureOf(model.versions[0]));
    });
    app.get<{ Params: ModelParams }>(
      `${base}/ready`,
      { schema: schemas.modelReady(versioned) },
      (request, reply) => {
        const { name, versions } = findModel(catalog, request.params);
        const [{ ready }] = versions;
        if (!ready) reply.status(503);
        return { name, ready };
      },
    );
    app.get<{ Params: ModelParams }>(
      `${base}/stats`,
      { schema: schemas.statisticsOf(versioned) },
      (request) => {
        const { name, versions } = findModel(catalog, request.params);
        return { model_stats: versions.map((deployment) => statisticsOf(name, deployment)) };
      },
    );
    app.post<{ Params: ModelParams }>(
      `${base}/infer`,
      { schema: schemas.infer(versioned) },
      (request, reply) => infer(request, reply, context),
    );
  }
}

async function infer(
  request: FastifyRequest<{ Params: ModelParams }>,
  reply: FastifyReply,
  { catalog, admission, limits }: RouteContext,
): Promise<FastifyReply> {
  const asked = { request, reply, catalog, admission };
  let exchange: Exchange | undefined;
  let body: Buffer | undefined;
  const choose = (): Chosen => {
    const { versions, router } = findModel(catalog, request.params);
    return chooseVersion(router, versions[0], asked);
  };
  return answerWith(choose, asked, async ({ deployment, visit }) => {
    if (deployment.signature === undefined) await awaken(deployment, request, reply);
    Admission.check(deployment, claimOf(request, deployment));
    const signature = signatureOf(deployment);
    const { model } = request.params;
    exchange ??= new Exchange(admission, reply);
    const headerLength = headerLengthOf(request);
    body ??= await readBody(request.raw, limits, timeoutMsOf(request, deployment));
    const decoded = decodeV2Request(body, headerLength, { model, signature, limits });
    const { inputs, rows, joinKey, outputNames: outputs } = decoded;
    const claim = claimOf(request, deployment, decoded.priority);
    const work: InferWork = { kind: "infer", inputs, outputs, rows, joinKey, claim };
    const running = exchange.run(deployment, work, timeoutMsOf(request, deployment, decoded.timeoutUs));
    visit?.sent();
    const result = await running;
    visit?.answered();
    if (visit !== undefined) copyToShadows(visit, { work, expected: result.outputs, catalog });
    if (result.release !== undefined) reply.raw.once("close", result.release);
    const { version } = deployment;
    const answer = encodeV2Response({ model, version, request: decoded, outputs: result.outputs });
    await sendBody(reply, {
      headers: { ...answer.headers, ...batchingHeaders(request, result) },
      parts: answer.parts,
    });
    exchange.free();
    return reply;
  });
}

function headerLengthOf(request: FastifyRequest): number | undefined {
  const found = request.headers[HEADER_LENGTH];
  if (found === undefined) return undefined;
  if (typeof found === "string" && /^\d{1,15}$/.test(found)) return Number(found);
  throw new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read header Inference-Header-Content-Length: found "${String(found)}", wanted a whole number of bytes`,
  );
}

/** Throws when no replica has loaded the model: whatever it takes is not known yet. */
function signatureOf(deployment: ServedDeployment): Signature {
  const { signature } = deployment;
  if (signature !== undefined) return signature;
  Admission.check(deployment);
  throw new ShoalError("NOT_READY", `Cannot use "${deployment.name}" yet: no replica has loaded it`);
}
