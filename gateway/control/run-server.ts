// Begins a server: with several gateway processes its controller is a process of its own; with one, all is in this process.

import { randomBytes } from "node:crypto";
import type { DesiredState } from "../../controller/index.ts";
import { Server } from "../server.ts";
import { ControlledServer, type ControlledServerOptions } from "./controlled-server.ts";
import { overviewOf, statusChange } from "./overview.ts";
import type { RunningServer } from "./running-server.ts";

export interface RunServerOptions extends Omit<ControlledServerOptions, "adminToken" | "logLevel"> {
  /** Of `stateFile`, open; it is the server's from now on. */
  readonly state: DesiredState;
  /** Made up by default. */
  readonly adminToken?: string | undefined;
}

/** Throws INVALID_CONFIG when a port cannot be had, and the STORE_ codes. */
export async function runServer({ state, ...options }: RunServerOptions): Promise<RunningServer> {
  const { config, log, given, onStatus, onShutdown } = options;
  const adminToken = options.adminToken ?? randomBytes(24).toString("base64url");
  if (config.http.processes > 1) {
    await state[Symbol.asyncDispose](); // a file has one owner
    return await ControlledServer.start({ ...options, adminToken, logLevel: log.level });
  }
  const server = await Server.start({
    config,
    log,
    state,
    given,
    adminToken,
    onStatus: (deployment) => onStatus(statusChange(deployment)),
    onShutdown,
  });
  return {
    url: server.http.url,
    adminUrl: server.admin.url,
    kedaAddress: server.keda?.address,
    adminToken,
    controllerApart: false,
    deployed: server.deployed,
    overview: async () => overviewOf(server.controller),
    deploy: (request) => server.deploys.deploy(request),
    refresh: (asked) => server.deploys.refresh(asked),
    drain: () => server.drain(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
