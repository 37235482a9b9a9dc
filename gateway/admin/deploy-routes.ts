// What changes what is served: Ray Serve's declarative `PUT` and `DELETE` of all applications, and beside them one
// application's removal, history and rollback.
//
// 1. A config that is refused is answered with every fault, as text and as data: nothing has changed.

import { isAbsolute } from "node:path";
import { Type } from "typebox";
import { Check } from "typebox/value";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Deploys, Faults } from "../../controller/index.ts";
import { ERROR_CODES, ShoalError } from "../../runtime/base/index.ts";
import { formatFaults } from "../../runtime/base/config/index.ts";
import { askedBy, header } from "./asked-by.ts";
import { type DeployView, type HistoryView, type RefusedView, releaseView } from "./deploy-view.ts";

const ALL = ["/api/serve/applications/", "/api/serve/applications"] as const;
const ONE = "/api/serve/applications/:application";

export function deployRoutes(app: FastifyInstance, deploys: Deploys): void {
  for (const path of ALL) {
    app.put(path, (request, reply) => put(request, reply, deploys));
    app.delete(path, async (request) => ({ removed: await deploys.remove(askedBy(request)) }));
  }
  app.delete(ONE, async (request) => {
    const application = applicationOf(request);
    const removed = await deploys.remove(askedBy(request), [application]);
    if (removed.length === 0) throw unknown(application);
    return { removed };
  });
  app.get("/api/serve/history", async (): Promise<HistoryView> => {
    return { releases: (await deploys.history()).map(releaseView) };
  });
  app.get(`${ONE}/history`, async (request): Promise<HistoryView> => {
    const application = applicationOf(request);
    const releases = await deploys.history(application);
    if (releases.length === 0) throw unknown(application);
    return { releases: releases.map(releaseView) };
  });
  app.post(`${ONE}/rollback`, (request, reply) => rollBack(request, reply, deploys));
}

/** `?dry_run=true` only says what would change. */
async function put(
  request: FastifyRequest,
  reply: FastifyReply,
  deploys: Deploys,
): Promise<DeployView | RefusedView> {
  const asked = askedBy(request);
  const outcome = await deploys.deploy({
    ...asked,
    text: bodyOf(request),
    file: header(request, "shoal-source") ?? "body",
    directory: directoryOf(request),
    dryRun: Check(DryRun, request.query),
  });
  if (outcome.kind === "refused") return refuse(reply, outcome.faults);
  const { applications, notes } = outcome;
  return { applications, notes };
}

async function rollBack(
  request: FastifyRequest,
  reply: FastifyReply,
  deploys: Deploys,
): Promise<DeployView | RefusedView> {
  const application = applicationOf(request);
  const to = releaseNumberOf(request);
  const outcome = await deploys.rollBack(application, {
    ...askedBy(request),
    ...(to === undefined ? {} : { to }),
  });
  switch (outcome.kind) {
    case "refused":
      return refuse(reply, outcome.faults);
    case "no target": {
      const what = to === undefined ? "has no earlier release that ran" : `has no release ${to}`;
      throw new ShoalError("NOT_FOUND", `Cannot roll back: "${application}" ${what}`, { verbatim: true });
    }
    case "rolled back": {
      const { change, release } = outcome;
      return { applications: [{ ...change, release: release.number }], notes: [] };
    }
  }
}

/** Invariant 1. */
function refuse(reply: FastifyReply, faults: Faults): RefusedView {
  const code = "INVALID_CONFIG";
  reply.status(ERROR_CODES[code].httpStatus).header("x-should-retry", "false");
  return { error: formatFaults(faults), code, faults };
}

const DryRun = Type.Object({ dry_run: Type.Enum(["", "1", "true"]) });
const Parameters = Type.Object({ application: Type.String() });
const RollbackBody = Type.Object({ release: Type.Optional(Type.Integer({ minimum: 1 })) });

function bodyOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array();
}

function releaseNumberOf(request: FastifyRequest): number | undefined {
  const text = new TextDecoder().decode(bodyOf(request));
  if (text.trim() === "") return undefined;
  const wanted = 'wanted nothing, or {"release": <number from 1>}';
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (thrown) {
    throw new ShoalError("INVALID_ARGUMENT", `Cannot roll back: found no JSON, ${wanted}`, { cause: thrown });
  }
  if (Check(RollbackBody, body)) return body.release;
  throw new ShoalError("INVALID_ARGUMENT", `Cannot roll back: found ${text.slice(0, 80)}, ${wanted}`);
}

function applicationOf({ params }: FastifyRequest): string {
  return Check(Parameters, params) ? params.application : "";
}

function unknown(application: string): ShoalError {
  return new ShoalError("NOT_FOUND", `Cannot find an application "${application.slice(0, 128)}"`, {
    verbatim: true,
  });
}

/** Where relative paths start from: the server's working directory, unless the request says. */
function directoryOf(request: FastifyRequest): string {
  const directory = header(request, "shoal-directory") ?? process.cwd();
  if (isAbsolute(directory)) return directory;
  throw new ShoalError(
    "INVALID_ARGUMENT",
    `Cannot read the header shoal-directory: found ${JSON.stringify(directory.slice(0, 80))}, wanted an absolute path`,
  );
}
