// Serves what config files describe, or what the store says, until a signal or `shoal serve shutdown`, then drains.
//
// 1. A wrong config starts nothing.
// 2. The first signal drains; a later one ends at once. Replicas never outlive this process.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { styleText } from "node:util";
import {
  DEFAULTS,
  DesiredState,
  exposedListeners,
  type LogLevel,
  type ServeConfig,
  stateFolder,
  storePath,
} from "../controller/index.ts";
import { checkPort, type RunningServer, runServer } from "../gateway/index.ts";
import { asShoalError, messageOf, systemClock } from "../runtime/base/index.ts";
import { createLog, type Logger } from "../runtime/base/log/index.ts";
import { deployRequest, layersOf } from "./deploy-request.ts";
import { EXIT } from "./exit-codes.ts";
import { removeRecord, writeRecord } from "./server-record.ts";
import { ConfigWatch } from "./serve-watch.ts";
import { statusLine } from "./status-line.ts";

/** What the command line and the environment lay over the files. */
export interface RunOptions {
  readonly host?: string;
  readonly port?: number;
  readonly adminPort?: number;
  readonly logLevel?: LogLevel;
  /** Where the store is; by default in the user's state folder, by the admin port. */
  readonly dataDir?: string;
  /** False: what is wanted ends with the process. */
  readonly store: boolean;
  readonly watch?: true;
}

/** Without paths, what the store says. */
export async function serveForeground(paths: readonly string[], options: RunOptions): Promise<void> {
  const layered = paths.length === 0 ? undefined : await layersOf(paths); // invariant 1
  const adminPort = options.adminPort ?? layered?.config.admin.port ?? DEFAULTS.admin.port;
  const file = storeFile(options, adminPort);
  await using state = await openState(file, { ...options, adminPort }, layered?.config);
  const config = withOptions(layered?.config ?? state.config, { ...options, adminPort });
  const log = createLog({ level: config.logging.logLevel });
  for (const { listener, host } of exposedListeners(config)) {
    log.warn({ listener, host }, "listening beyond this machine, without authentication of clients");
  }
  const ending = Promise.withResolvers<void>();
  using _signals = onSignals(ending.resolve);
  const given = layered === undefined ? null : deployRequest(layered, paths);
  const { SHOAL_ADMIN_TOKEN } = process.env;
  await using server = await runServer({
    config,
    log,
    state,
    stateFile: file,
    given,
    adminToken: SHOAL_ADMIN_TOKEN === "" ? undefined : SHOAL_ADMIN_TOKEN,
    onStatus: ({ name, ...status }) => console.log(statusLine(name, status)),
    onShutdown: ending.resolve,
  });
  await using _record = await announce(server, log);
  console.log(`Listening on ${styleText("bold", server.url)} (admin ${server.adminUrl})`);
  if (server.kedaAddress !== undefined) console.log(`Listening for KEDA on ${server.kedaAddress}`);
  await using _watch = options.watch === true ? ConfigWatch.start(paths, { server, log }) : undefined;
  const ended = ending.promise.then(() => "ended" as const);
  if ((await Promise.race([server.deployed, ended])) !== "ended") await printRoutes(server);
  await ended;
  console.log("Draining …");
  await server.drain();
  console.log("Done.");
}

/** Whoever has the store has the ports as well, when the same is run twice: then these are what is told. */
async function openState(
  file: string | undefined,
  options: RunOptions,
  { http, admin }: Record<"http" | "admin", { host: string; port: number }> = DEFAULTS,
): Promise<DesiredState> {
  try {
    return await DesiredState.open(file === undefined ? {} : { file });
  } catch (thrown) {
    if (asShoalError(thrown).code !== "STORE_LOCKED") throw thrown;
    const { host = http.host, port = http.port, adminPort = admin.port } = options;
    await checkPort({ host, port }, "http_options");
    await checkPort({ host: admin.host, port: adminPort }, "admin_options");
    throw thrown;
  }
}

/** Undefined for a server that keeps its state in memory. */
function storeFile({ dataDir, store }: RunOptions, adminPort: number): string | undefined {
  if (!store) return undefined;
  if (dataDir !== undefined) return join(resolve(dataDir), "serve.sqlite");
  return storePath(stateFolder(process.env, homedir()), adminPort);
}

/** Writes the record by which other commands find this server. Without one it serves all the same. */
async function announce(server: RunningServer, log: Logger): Promise<AsyncDisposable> {
  const { url, adminUrl, adminToken: token, controllerApart } = server;
  const record = { pid: process.pid, url, adminUrl, token, controllerApart };
  try {
    await writeRecord(record);
    return { [Symbol.asyncDispose]: () => removeRecord(process.pid) };
  } catch (thrown) {
    log.warn(`other commands will not find this server: its record cannot be written: ${messageOf(thrown)}`);
    return { [Symbol.asyncDispose]: async () => undefined };
  }
}

function withOptions(config: ServeConfig, options: Omit<RunOptions, "store">): ServeConfig {
  return {
    ...config,
    http: { ...config.http, host: options.host ?? config.http.host, port: options.port ?? config.http.port },
    admin: { ...config.admin, port: options.adminPort ?? config.admin.port },
    logging: {
      ...config.logging,
      logLevel: options.logLevel ?? config.logging.logLevel,
    },
  };
}

/**
 * One Ctrl-C comes more than once: from the terminal to every process of the group, and again from npm and from
 * `bin/shoal.js`, which pass on what they get.
 */
const SAME_SIGNAL_MS = 500;

/** Invariant 2. */
function onSignals(drain: () => void): Disposable {
  let firstMs: number | undefined;
  const onSignal = (): void => {
    const nowMs = systemClock.nowMs();
    firstMs ??= nowMs;
    drain();
    if (nowMs - firstMs > SAME_SIGNAL_MS) process.exit(EXIT.FAILED);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

async function printRoutes(server: RunningServer): Promise<void> {
  const { applications, deployments } = await server.overview();
  for (const { routePrefix, ingress, ready } of applications) {
    if (ready) console.log(`  ${server.url}${routePrefix} → ${ingress}`);
  }
  const ready = deployments.filter((deployment) => deployment.ready).length;
  if (deployments.length === 0) console.log("Nothing is deployed yet: shoal serve deploy <config>");
  const how =
    ready === deployments.length ? "Ready." : `Ready: ${ready} of ${deployments.length} deployments.`;
  console.log(`${how} API: ${server.url}/openapi.json · Ctrl-C drains and ends.`);
}
