// Serves what a config file describes until a signal or `shoal serve shutdown`, then drains.
//
// 1. A wrong config starts nothing.
// 2. The first signal drains; a later one ends at once. Replicas never outlive this process.

import { styleText } from "node:util";
import { exposedListeners, loadConfig, type LogLevel, type ServeConfig } from "../controller/index.ts";
import { Server } from "../gateway/index.ts";
import { messageOf, systemClock } from "../runtime/base/index.ts";
import { formatFaults } from "../runtime/base/config/index.ts";
import { createLog, type Logger } from "../runtime/base/log/index.ts";
import { CommandError, EXIT } from "./exit-codes.ts";
import { removeRecord, writeRecord } from "./server-record.ts";

/** What the command line and the environment lay over the file. */
export interface RunOptions {
  readonly host?: string;
  readonly port?: number;
  readonly adminPort?: number;
  readonly logLevel?: LogLevel;
}

export async function serveForeground(path: string, options: RunOptions): Promise<void> {
  const config = withOptions(await readConfig(path), options);
  const log = createLog({ level: config.logging.logLevel });
  for (const { listener, host } of exposedListeners(config)) {
    log.warn({ listener, host }, "listening beyond this machine, without authentication of clients");
  }
  const ending = Promise.withResolvers<void>();
  using _signals = onSignals(ending.resolve);
  await using server = await startServer(config, { log, onShutdown: ending.resolve });
  await using _record = await announce(server, log);
  console.log(`Listening on ${styleText("bold", server.http.url)} (admin ${server.admin.url})`);
  const ended = ending.promise.then(() => "ended" as const);
  if ((await Promise.race([server.deployed, ended])) !== "ended") printRoutes(server);
  await ended;
  console.log("Draining …");
  await server.drain();
  console.log("Done.");
}

function startServer(
  config: ServeConfig,
  options: { readonly log: Logger; readonly onShutdown: () => void },
): Promise<Server> {
  const { SHOAL_ADMIN_TOKEN } = process.env;
  return Server.start({
    config,
    ...options,
    ...(SHOAL_ADMIN_TOKEN ? { adminToken: SHOAL_ADMIN_TOKEN } : {}),
    onStatus: ({ name, status, info }) => say(name, status, info?.loadMs),
  });
}

/** Writes the record by which other commands find this server. Without one it serves all the same. */
async function announce({ http, admin, adminToken }: Server, log: Logger): Promise<AsyncDisposable> {
  const record = { pid: process.pid, url: http.url, adminUrl: admin.url, token: adminToken };
  try {
    await writeRecord(record);
    return { [Symbol.asyncDispose]: () => removeRecord(process.pid) };
  } catch (thrown) {
    log.warn(`other commands will not find this server: its record cannot be written: ${messageOf(thrown)}`);
    return { [Symbol.asyncDispose]: async () => undefined };
  }
}

/** Invariant 1. */
async function readConfig(path: string): Promise<ServeConfig> {
  const outcome = await loadConfig(path);
  if (outcome.kind === "ok") return outcome.value;
  throw new CommandError(EXIT.USAGE, formatFaults(outcome.faults));
}

function withOptions(config: ServeConfig, options: RunOptions): ServeConfig {
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

const MARKS = {
  UPDATING: ["…", "dim"],
  HEALTHY: ["✓", "green"],
  UPSCALING: ["…", "dim"],
  DOWNSCALING: ["…", "dim"],
  UNHEALTHY: ["!", "yellow"],
  DEPLOY_FAILED: ["✗", "red"],
} as const;

function say(
  name: string,
  status: { readonly state: keyof typeof MARKS; readonly message: string },
  loadMs?: number,
): void {
  const [mark, colour] = MARKS[status.state];
  const took =
    status.state === "HEALTHY" && loadMs !== undefined ? ` (loaded in ${Math.round(loadMs)} ms)` : "";
  const why = status.message === "" ? "" : `: ${status.message}`;
  console.log(`${styleText(colour, mark)} ${name} ${status.state}${took}${why}`);
}

function printRoutes(server: Server): void {
  for (const { routePrefix, ingress } of server.controller.config.applications) {
    if (server.controller.deployment(ingress)?.ready) {
      console.log(`  ${server.http.url}${routePrefix} → ${ingress}`);
    }
  }
  const deployments = server.controller.deployments();
  const ready = deployments.filter((deployment) => deployment.ready).length;
  const how =
    ready === deployments.length ? "Ready." : `Ready: ${ready} of ${deployments.length} deployments.`;
  console.log(`${how} API: ${server.http.url}/openapi.json · Ctrl-C drains and ends.`);
}
