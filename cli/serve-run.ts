// `shoal serve run <config>`: serves in the foreground until a signal or `shoal serve shutdown`, then drains.
//
// 1. A wrong config starts nothing.
// 2. The first signal drains; a second one ends at once. Replicas never outlive this process.

import { styleText } from "node:util";
import { Command, Option } from "commander";
import { exposedListeners, loadConfig, type ServeConfig } from "../controller/index.ts";
import { Server } from "../gateway/index.ts";
import { createLog, formatFaults } from "../runtime/base/index.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit-codes.ts";
import { adminPortOption, port } from "./options.ts";
import { removeRecord, writeRecord } from "./server-record.ts";

interface RunOptions {
  readonly host?: string;
  readonly port?: number;
  readonly adminPort?: number;
  readonly logLevel?: string;
}

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export function serveRunCommand(): Command {
  return new Command("run")
    .description("Serve what a config file describes, in the foreground, until Ctrl-C.")
    .argument("<config>", "path of a YAML or JSON config (see shoal.schema.json)")
    .addOption(
      new Option("--host <host>", "address to listen on; the file's http_options.host, else 127.0.0.1").env(
        "SHOAL_HOST",
      ),
    )
    .addOption(
      new Option("--port <port>", "port to listen on, 0 for any free one; the file's, else 8000")
        .env("SHOAL_PORT")
        .argParser(port),
    )
    .addOption(adminPortOption("port of the admin listener, 0 for any free one; the file's, else 8265"))
    .addOption(
      new Option("--log-level <level>", "least level of the log on standard error; the file's, else info")
        .env("SHOAL_LOG_LEVEL")
        .choices(LEVELS),
    )
    .addHelpText(
      "after",
      `
Flags win over environment variables, these over the file. Replicas drain on Ctrl-C (SIGINT) or SIGTERM; a second
signal ends at once. SHOAL_ADMIN_TOKEN sets the admin listener's token; without it one is made up per run.
${EXIT_HELP}`,
    )
    .action(run);
}

async function run(path: string, options: RunOptions): Promise<void> {
  const config = withOptions(await readConfig(path), options);
  const log = createLog({ level: config.logging.logLevel });
  for (const { listener, host } of exposedListeners(config)) {
    log.warn({ listener, host }, "listening beyond this machine, without authentication of clients");
  }
  const ending = Promise.withResolvers<void>();
  const { SHOAL_ADMIN_TOKEN } = process.env;
  const server = await Server.start({
    config,
    log,
    ...(SHOAL_ADMIN_TOKEN === undefined ? {} : { adminToken: SHOAL_ADMIN_TOKEN }),
    onStatus: ({ name, status, info }) => say(name, status, info?.loadMs),
    onShutdown: ending.resolve,
  });
  const stopListening = onSignals(ending.resolve);
  try {
    await writeRecord({
      pid: process.pid,
      url: server.http.url,
      adminUrl: server.admin.url,
      token: server.adminToken,
    });
    console.log(`Listening on ${styleText("bold", server.http.url)} (admin ${server.admin.url})`);
    await Promise.race([server.deployed.then(() => printRoutes(server)), ending.promise]);
    await ending.promise;
    console.log("Draining …");
  } finally {
    await server.drain();
    await removeRecord(process.pid);
    stopListening();
  }
  console.log("Done.");
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
      logLevel: (options.logLevel as typeof config.logging.logLevel) ?? config.logging.logLevel,
    },
  };
}

/** Invariant 2. Returns what ends the listening. */
function onSignals(drain: () => void): () => void {
  let seen = 0;
  const onSignal = (): void => {
    seen++;
    if (seen === 1) drain();
    else process.exit(EXIT.FAILED);
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal);
  return () => process.off("SIGINT", onSignal).off("SIGTERM", onSignal).off("SIGHUP", onSignal);
}

const MARKS = {
  UPDATING: ["…", "dim"],
  HEALTHY: ["✓", "green"],
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
  for (const { prefix, ingress } of server.controller.routes()) {
    if (ingress.status.state === "DEPLOY_FAILED") continue;
    console.log(`  ${server.http.url}${prefix === "" ? "/" : prefix} → ${ingress.name}`);
  }
  console.log(`Ready. API: ${server.http.url}/openapi.json · Ctrl-C drains and ends.`);
}
